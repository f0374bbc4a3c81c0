# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dpa3`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.charge_spin import problem_of
from deepmd.errors import InputError
from deepmd.registry import Row, SelKey
from deepmd.schema.argument import NOT_NEGATIVE, POSITIVE, activation_function, key, unused
from deepmd.schema.semantics import check_pairs
from deepmd_dp.descriptor.arguments import check_switch, neighborhood, of_whole, type_embedding, update_weights
from deepmd_dp.descriptor.dpa3.consistency import contradictions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        key("repflow", dict, "The layers that pass messages.", sub_fields=repflow()),
        activation_function("silu"),
        *of_whole(),
        *type_embedding(concat=False, has_dim=False),  # it is n_dim
        key("use_loc_mapping", bool, "Kept for deepmd-kit, where it changes memory; here no number.", default=True),
        key(
            "add_chg_spin_ebd",
            bool,
            "Whether the model takes `charge_spin` of each frame: its total charge [e] and its spin (multiplicity).",
            default=False,
        ),
        key(
            "default_chg_spin",
            [list, None],
            "Charge and spin of data and frames that have no `charge_spin`; null: they must have it.",
            default=None,
        ),
    ]


def repflow() -> list[Argument]:
    """The keys of ``repflow``."""
    return [
        key("n_dim", int, "Width of the atoms' features.", default=128, **POSITIVE),
        key("e_dim", int, "Width of the edges' features.", default=64, **POSITIVE),
        key("a_dim", int, "Width of the angles' features.", default=64, **POSITIVE),
        key("nlayers", int, "Number of layers.", default=6, **POSITIVE),
        *neighborhood("e_sel", "e_", " of the edges"),
        *neighborhood("a_sel", "a_", " of the angles"),
        *_compression(),
        key("n_multi_edge_message", int, "Number of messages of an edge to its atom.", default=1, **POSITIVE),
        key("axis_neuron", int, "Width of the second factor of the outer products.", default=4, **POSITIVE),
        key(
            "fix_stat_std",
            float,
            "Deviation of the environment matrix; 0: that of the data.",
            default=0.3,
            **NOT_NEGATIVE,
        ),
        unused("skip_stat", bool, default=False, doc="fix_stat_std says whether data are looked at"),
        *_updates(),
    ]


def _compression() -> list[Argument]:
    return [
        key(
            "a_compress_rate",
            int,
            "An angle looks at a_dim / rate features of its atom and a_dim / (2 rate) of an edge; 0: at all.",
            default=0,
            **NOT_NEGATIVE,
        ),
        key("a_compress_e_rate", int, "So many times more features of an edge.", default=1, **POSITIVE),
        key("a_compress_use_split", bool, "Whether these are the first ones; else linear maps of all.", default=False),
    ]


def _updates() -> list[Argument]:
    """How features are updated."""
    switches = (
        ("update_angle", "there are features of angles", True),
        ("optim_update", "deepmd-kit multiplies before it joins; no number depends on it", True),
        ("smooth_edge_update", "edges without angles get no message of them, instead of one of themselves", False),
        ("use_dynamic_sel", "sums are divided by e_sel and a_sel over sel_reduce_factor", False),
        ("sequential_update", "each update sees those before it in the layer", False),
    )
    aliases = (
        ("edge_init_use_dist", "edges start from the distance instead of the switched 1/r", "edge_use_dist"),
        ("use_exp_switch", "the switching function is exp(-exp(20 (r - r_smth) / r_smth))", "use_env_envelope"),
    )
    return [
        *update_weights("res_residual", 0.1, "const"),
        *(key(name, bool, f"Whether {doc}.", default=default) for name, doc, default in switches),
        *(key(name, bool, f"Whether {doc}.", default=False, alias=[alias]) for name, doc, alias in aliases),
        key("sel_reduce_factor", float, "See use_dynamic_sel.", default=10.0, **POSITIVE),
    ]


def sel_keys(section: dict[str, Any]) -> Iterator[SelKey]:
    """Its lists: of edges, and of those that have angles."""
    for letter in "ea":
        yield SelKey(f"repflow/{letter}_sel", section["repflow"][f"{letter}_rcut"])


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    for prefix in ("e_", "a_"):
        check_switch(section["repflow"], f"{where}/repflow", prefix)
    for problem in contradictions(section["repflow"]):
        raise InputError(f"{where}/repflow: {problem}")
    _check_default(section, where)
    check_pairs(section["exclude_types"], f"{where}/exclude_types", type_map)


def _check_default(section: dict[str, Any], where: str) -> None:
    default = section["default_chg_spin"]
    if default is None:
        return
    if not section["add_chg_spin_ebd"]:
        raise InputError(f"{where}/default_chg_spin has no effect without add_chg_spin_ebd; set that to true.")
    if len(default) != 2 or not all(isinstance(each, int | float) for each in default):
        raise InputError(f"{where}/default_chg_spin is {default}; expected two numbers, the charge and the spin.")
    if problem := problem_of([default]):
        raise InputError(f"{where}/default_chg_spin {problem[1]}.")


ROW = Row(
    name="dpa3",
    cls="deepmd_dp.descriptor.dpa3.descriptor:DPA3",
    doc="Layers that pass messages between atoms, edges and angles (DPA-3).",
    fields=fields,
    check=check,
    sel_keys=sel_keys,
)
