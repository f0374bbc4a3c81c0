# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dpa2`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import Row, SelKey
from deepmd.schema.argument import NOT_NEGATIVE, POSITIVE, WIDTHS, activation_function, key
from deepmd.schema.semantics import check_pairs
from deepmd_dp.descriptor.arguments import (
    check_axis,
    check_switch,
    layer_norm,
    neighborhood,
    of_whole,
    sel_of_list,
    set_davg_zero,
    tebd_dim,
    tebd_input_mode,
    type_embedding,
    type_one_side,
    update_weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        key("repinit", dict, "The first part: an environment matrix embedded with types.", sub_fields=repinit()),
        key("repformer", dict, "The second part: layers that pass messages.", sub_fields=repformer()),
        key("smooth", bool, "Whether attention weights vanish smoothly at the cut-off.", default=True),
        *of_whole(),
        key(
            "add_tebd_to_repinit_out",
            bool,
            "Whether the type embedding is added to what repinit gives.",
            default=False,
            alias=["repformer_add_type_ebd_to_seq"],
        ),
        *type_embedding(has_dim=False),  # it stands in repinit
    ]


def repinit() -> list[Argument]:
    """The keys of ``repinit``."""
    return [
        *neighborhood("nsel"),
        key("neuron", list[int], "Widths of the embedding net's layers.", default=[25, 50, 100], **WIDTHS),
        key("axis_neuron", int, "Width of the second factor of the outer product.", default=16, **POSITIVE),
        tebd_dim(),
        tebd_input_mode(),
        set_davg_zero(True),
        activation_function(),
        type_one_side(),
        key("resnet_dt", bool, "Whether the residual steps have trainable widths.", default=False),
        key("use_three_body", bool, "Whether pairs of neighbors are embedded too.", default=False),
        key("three_body_neuron", list[int], "Widths of the net of pairs.", default=[2, 4, 8], **WIDTHS),
        key("three_body_rcut", float, "Cut-off radius of the pairs [Å].", default=4.0, **POSITIVE),
        key("three_body_rcut_smth", float, "Where its switch begins to fall [Å].", default=0.5, **NOT_NEGATIVE),
        sel_of_list("three_body_sel", default=40),
    ]


def repformer() -> list[Argument]:
    """The keys of ``repformer``."""
    return [
        *neighborhood("nsel"),
        key("nlayers", int, "Number of layers.", default=3, **POSITIVE),
        key("g1_dim", int, "Width of the atoms' features g1.", default=128, **POSITIVE),
        key("g2_dim", int, "Width of the pairs' features g2.", default=16, **POSITIVE),
        key("axis_neuron", int, "Width of the second factor of the outer products.", default=4, **POSITIVE),
        key("direct_dist", bool, "Whether g2 starts from the distance instead of the switched 1/r.", default=False),
        *_terms(),
        key("attn1_hidden", int, "Width of a head of the atoms' attention.", default=64, **POSITIVE),
        key("attn1_nhead", int, "Heads of the atoms' attention.", default=4, **POSITIVE),
        key("attn2_hidden", int, "Width of a head of the pairs' attention.", default=16, **POSITIVE),
        key("attn2_nhead", int, "Heads of the pairs' attention.", default=4, **POSITIVE),
        key("attn2_has_gate", bool, "Whether the pairs' attention is gated.", default=False),
        activation_function(),
        *update_weights("res_avg", 0.001, "norm"),
        set_davg_zero(True),
        *layer_norm(),
    ]


def _terms() -> list[Argument]:
    """Which terms update the features in a layer of ``repformer``."""
    switches = (
        ("update_g1_has_conv", "g1 is updated by a convolution of neighbors' g1 with g2", True),
        ("update_g1_has_drrd", "g1 is updated by invariants of the neighbors' g1", True),
        ("update_g1_has_grrg", "g1 is updated by invariants of g2", True),
        ("update_g1_has_attn", "g1 is updated by attention over the neighbors", True),
        ("update_g2_has_g1g1", "g2 is updated by the product of both atoms' g1", True),
        ("update_g2_has_attn", "g2 is updated by attention between neighbors", True),
        ("use_sqrt_nnei", "sums over neighbors are divided by the square root of nsel instead of nsel", True),
        ("g1_out_conv", "the convolution is a term of its own", True),
        ("g1_out_mlp", "g1's own net is a term of its own", True),
        ("update_h2", "the pairs' directions h2 are updated", False),
    )
    return [key(name, bool, f"Whether {doc}.", default=default) for name, doc, default in switches]


def sel_keys(section: dict[str, Any]) -> Iterator[SelKey]:
    """Its lists: of both parts, and of the pairs of neighbors."""
    first = section["repinit"]
    yield SelKey("repinit/nsel", first["rcut"])
    yield SelKey("repinit/three_body_sel", first["three_body_rcut"], is_used=first["use_three_body"])
    yield SelKey("repformer/nsel", section["repformer"]["rcut"])


def check(section: dict[str, Any], where: str, type_map: list[str]) -> None:
    """Checks the values against each other."""
    first, second = section["repinit"], section["repformer"]
    check_switch(first, f"{where}/repinit")
    if first["use_three_body"]:
        check_switch(first, f"{where}/repinit", "three_body_")
    check_switch(second, f"{where}/repformer")
    check_axis(first, f"{where}/repinit")
    needed = {"g2_dim": second["update_g1_has_grrg"], "g1_dim": second["update_g1_has_drrd"]}
    for name, is_needed in needed.items():
        if is_needed and second["axis_neuron"] > second[name]:
            raise InputError(
                f"{where}/repformer/axis_neuron is {second['axis_neuron']}; "
                f"expected at most {name}, which is {second[name]}."
            )
    check_pairs(section["exclude_types"], f"{where}/exclude_types", type_map)


ROW = Row(
    name="dpa2",
    cls="deepmd_dp.descriptor.dpa2:DPA2",
    doc="Embedded neighborhoods, then layers that pass messages between atoms and pairs (DPA-2).",
    fields=fields,
    check=check,
    sel_keys=sel_keys,
)
