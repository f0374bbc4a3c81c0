# SPDX-License-Identifier: LGPL-3.0-or-later
"""The table of models that all backends must agree on. A new option or descriptor is one more row."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepmd.aliases import Section

TYPE_MAP = ["O", "H"]
CUTOFF = {"rcut": 4.0, "rcut_smth": 2.0}
ATTENTION = {
    **CUTOFF,
    "sel": 20,
    "neuron": [3, 6],
    "axis_neuron": 2,
    "attn": 4,
    "attn_layer": 1,
    "set_davg_zero": False,
}
THREE_BODY = {"three_body_neuron": [3, 6], "three_body_rcut": 3.0, "three_body_rcut_smth": 1.5, "three_body_sel": 8}
REPFORMER = {
    "rcut": 3.5,
    "rcut_smth": 1.5,
    "nsel": 12,
    "nlayers": 2,
    "g1_dim": 6,
    "g2_dim": 4,
    "attn1_hidden": 4,
    "attn1_nhead": 2,
    "attn2_hidden": 4,
    "attn2_nhead": 2,
    "axis_neuron": 2,
}
REPFLOW = {
    "n_dim": 6,
    "e_dim": 4,
    "a_dim": 4,
    "nlayers": 2,
    "e_rcut": 4.0,
    "e_rcut_smth": 2.0,
    "e_sel": 20,
    "a_rcut": 3.0,
    "a_rcut_smth": 1.5,
    "a_sel": 8,
    "axis_neuron": 2,
}
DESCRIPTORS: dict[str, dict[str, Any]] = {
    "se_e2_a": {**CUTOFF, "sel": [9, 12], "neuron": [3, 6, 6], "axis_neuron": 2},
    "se_e2_r": {**CUTOFF, "sel": [9, 12], "neuron": [3, 6, 6]},
    "se_e2_a_tebd": {
        **CUTOFF,
        "sel": [9, 12],
        "neuron": [3, 6],
        "axis_neuron": 2,
        "type_embedding": {"neuron": [2, 4]},
    },
    "se_a_ebd_v2": {**CUTOFF, "sel": [9, 12], "neuron": [3, 6], "axis_neuron": 2},
    "se_atten": ATTENTION,
    "se_atten_v2": ATTENTION,
    "hybrid": {},
    "se_e3": {"rcut": 3.0, "rcut_smth": 1.5, "sel": [4, 8], "neuron": [3, 6]},
    "se_e3_tebd": {"rcut": 3.0, "rcut_smth": 1.5, "sel": 10, "neuron": [3, 6], "tebd_dim": 4},
    "dpa2": {
        "repinit": {**CUTOFF, "nsel": 20, "neuron": [3, 6], "axis_neuron": 2, "tebd_dim": 4, **THREE_BODY},
        "repformer": {**REPFORMER},
    },
    "dpa3": {"repflow": REPFLOW},
}
"""Small settings of each descriptor; `sel` is exceeded by some atoms of frames.py."""
TABLE = str(Path(__file__).parent / "pair_table.txt")
"""Of a pair potential of `TYPE_MAP`, from 0.5 to 3.2 Å."""
NEAR_ATOMS = {"use_srtab": TABLE, "sw_rmin": 1.2, "sw_rmax": 2.1}
"""A model whose net goes over into the table."""
ACTIVATIONS = {"relu": "linear", "sigmoid": "relu6", "silu": "softplus", "gelu_tf": "gelu", "silut:2.0": "relu"}
"""Functions of the embedding net to those of the fitting net."""


def part(**options: Any) -> dict[str, Any]:
    """A descriptor's section: the small settings of its type, or a cut-off where it is none of ours, and these.

    What is a mapping is completed, not replaced.
    """
    small = DESCRIPTORS.get(options["type"], CUTOFF)
    given = {key: {**small[key], **value} if isinstance(value, dict) else value for key, value in options.items()}
    return {**small, **given}


@dataclass(frozen=True, eq=False)
class Case:
    """A model as the input's section ``model`` describes it, but for the type map.

    Attributes
    ----------
    model : dict
        Keys of the section beside the descriptor and the fitting.
    beside : tuple of dict
        Sections of the other models of a linear combination, of which that with this descriptor is the first.
    """

    name: str
    descriptor: dict[str, Any]
    fitting: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    beside: tuple[dict[str, Any], ...] = ()

    def __str__(self) -> str:
        return self.name

    @property
    def slug(self) -> str:
        """The name as a part of a file's name."""
        return re.sub(r"\W+", "-", self.name)

    @property
    def is_double(self) -> bool:
        """Whether all of it computes in float64."""
        return self.descriptor.get("precision") != "float32" and self.fitting.get("precision") != "float32"

    @property
    def is_standard(self) -> bool:
        """Whether it is a descriptor and a fitting, and nothing else."""
        return not self.beside and not {"use_srtab", "spin"} & self.model.keys()

    def section(self) -> dict[str, Any]:
        """The section ``model``, not yet normalised."""
        descriptor = part(**self.descriptor)
        parts: Section = {"descriptor": descriptor, "fitting_net": {"type": "ener", "neuron": [5, 5], **self.fitting}}
        if self.beside:
            parts = {"type": "linear_ener", "models": [parts, *self.beside]}
        return {"type_map": TYPE_MAP, **parts, **self.model}


def row(
    descriptor: str,
    name: str,
    *,
    fitting: Section | None = None,
    model: Section | None = None,
    beside: tuple[Section, ...] = (),
    **options: Any,
) -> Case:
    """A row of the table: a descriptor with options, further parts of the model, and other models beside it."""
    return Case(f"{descriptor}: {name}", {"type": descriptor, **options}, fitting or {}, model or {}, beside)


CASES = [
    row("se_e2_a", "plain"),
    row("se_e2_a", "one side", type_one_side=True),
    row("se_e2_a", "time steps", resnet_dt=True, neuron=[4, 4, 8]),
    row("se_e2_a", "excluded pairs", exclude_types=[[0, 1]]),
    row("se_e2_a", "davg zero", set_davg_zero=True),
    row("se_e2_a", "protected", env_protection=0.1),
    row("se_e2_a", "float32", precision="float32", fitting={"precision": "float32"}),
    row("se_e2_a", "mixed precision", precision="float32"),
    row("se_e2_a", "frame and atomic parameters", fitting={"numb_fparam": 2, "numb_aparam": 1}),
    row("se_e2_a", "default fparam", fitting={"numb_fparam": 1, "default_fparam": [0.3]}),
    row("se_e2_a", "energies of atoms", fitting={"atom_ener": [-1.5, None]}),
    row("se_e2_a", "no time steps in the fitting", fitting={"resnet_dt": False}),
    row(
        "se_e2_a",
        "model without some atoms and pairs",
        model={"atom_exclude_types": [1], "pair_exclude_types": [[0, 0]]},
    ),
    row(
        "se_e2_a",
        "spins and parameters",
        type_one_side=True,
        fitting={"numb_fparam": 1, "numb_aparam": 1},
        model={"spin": {"use_spin": ["H"], "virtual_scale": [0.3]}},
    ),
    *[
        row("se_e2_a", f"{one} and {two}", activation_function=one, fitting={"activation_function": two})
        for one, two in ACTIVATIONS.items()
    ],
    row("se_e2_r", "plain"),
    row("se_e2_r", "one side, excluded pairs", type_one_side=True, exclude_types=[[0, 1]]),
    row("se_e2_r", "relu, davg zero", activation_function="relu", set_davg_zero=True),
    row("se_e2_a_tebd", "excluded pairs", exclude_types=[[0, 1]]),
    row("se_a_ebd_v2", "silut, one side", activation_function="silut:2.0", type_one_side=True),
    row("se_atten", "plain"),
    row("se_atten", "no attention", attn_layer=0),
    row("se_atten", "two layers", attn_layer=2),
    row("se_atten", "strip", tebd_input_mode="strip"),
    row("se_atten", "strip, one side, no attention", tebd_input_mode="strip", type_one_side=True, attn_layer=0),
    row("se_atten", "smooth", smooth_type_embedding=True),
    row("se_atten", "smooth, strip", smooth_type_embedding=True, tebd_input_mode="strip"),
    row("se_atten", "one side, time steps", type_one_side=True, resnet_dt=True),
    row("se_atten", "electrons", use_econf_tebd=True, use_tebd_bias=True),
    row("se_atten", "attention without directions", attn_dotr=False, normalize=False, scaling_factor=0.5),
    row("se_atten", "types not in the output", concat_output_tebd=False, trainable_ln=False, ln_eps=1e-3),
    row("se_atten", "excluded pairs, smooth", exclude_types=[[0, 1]], smooth_type_embedding=True),
    row("se_atten", "excluded pairs", exclude_types=[[0, 1]]),
    row("se_atten", "davg zero, protected", set_davg_zero=True, env_protection=0.1),
    row("se_atten", "all parameters", fitting={"numb_fparam": 1, "numb_aparam": 2, "atom_ener": [None, 0.5]}),
    row("se_atten", "float32", precision="float32", fitting={"precision": "float32"}),
    row("se_atten_v2", "plain"),
    row("se_atten_v2", "no attention, one side", attn_layer=0, type_one_side=True),
    row("se_atten_v2", "electrons, excluded pairs", use_econf_tebd=True, exclude_types=[[1, 1]]),
    row("se_atten_v2", "float32", precision="float32", fitting={"precision": "float32"}),
    row("se_e2_a", "dipole", fitting={"type": "dipole"}),
    row(
        "se_e2_a",
        "dipole of some types, all parameters",
        fitting={"type": "dipole", "sel_type": 0, "numb_fparam": 1, "numb_aparam": 2},
    ),
    row("se_atten", "dipole, float32", precision="float32", fitting={"type": "dipole", "precision": "float32"}),
    row("se_e2_a", "density of states", fitting={"type": "dos", "numb_dos": 4}),
    row("se_e2_a", "populations, atomic parameters", fitting={"type": "population", "numb_aparam": 1}),
    row(
        "se_e2_a",
        "polarizability of some types, full matrix",
        fitting={"type": "polar", "fit_diag": False, "sel_type": [1], "scale": [0.5, 1.5]},
    ),
    row(
        "dpa2",
        "intensive property",
        fitting={"type": "property", "property_name": "gap", "intensive": True, "distinguish_types": False},
    ),
    row("hybrid", "plain", list=[part(type="se_e2_a"), part(type="se_e2_r", rcut=3.0)]),
    row(
        "hybrid",
        "three lists",
        list=[part(type="se_atten"), part(type="se_e2_a"), part(type="se_atten_v2", rcut=3.5)],
    ),
    row("dpa2", "plain"),
    row("dpa2", "three-body, strip", repinit={"use_three_body": True, "tebd_input_mode": "strip"}),
    row("dpa2", "concat three-body", repinit={"use_three_body": True, "type_one_side": True}),
    row(
        "dpa2",
        "other updates",
        repinit={"tebd_input_mode": "strip", "set_davg_zero": False},
        repformer={
            "update_g1_has_attn": False,
            "update_g2_has_attn": False,
            "update_g2_has_g1g1": True,
            "update_h2": True,
            "update_style": "res_residual",
            "g1_out_conv": True,
            "g1_out_mlp": True,
            "use_sqrt_nnei": True,
            "direct_dist": True,
        },
        smooth=False,
    ),
    row("se_e3", "plain"),
    row("se_e3", "excluded pairs, time steps", exclude_types=[[0, 1]], resnet_dt=True, neuron=[4, 4]),
    row("se_e3_tebd", "concat"),
    row("se_e3_tebd", "strip, types not in the output", tebd_input_mode="strip", concat_output_tebd=False),
    row("dpa2", "float32", precision="float32", fitting={"precision": "float32"}),
    row(
        "se_e2_a",
        "parameters, beside tables and another net",
        fitting={"numb_fparam": 1, "numb_aparam": 2},
        model={"weights": [0.5, 2.0, -0.7, 1.5], "pair_exclude_types": [[0, 0]]},
        beside=(
            {"type": "pairtab", "tab_file": TABLE, "rcut": 4.0, "sel": 20},
            {"type": "pairtab", "tab_file": TABLE, "rcut": 3.0, "sel": 20},
            {"descriptor": part(type="se_atten", attn_layer=0), "fitting_net": {"neuron": [5]}},
        ),
    ),
    row("se_e2_a", "table for near atoms", model=NEAR_ATOMS | {"atom_exclude_types": [1]}),
    row("se_atten_v2", "table for near atoms", attn_layer=0, model=NEAR_ATOMS),
    row(
        "dpa3",
        "other updates",
        repflow={"update_style": "res_incr", "a_compress_rate": 2, "n_multi_edge_message": 2},
        concat_output_tebd=True,
    ),
    row(
        "dpa3",
        "dynamic, split, in sequence, of ions",
        repflow={
            "use_dynamic_sel": True,
            "smooth_edge_update": True,
            "sequential_update": True,
            "a_compress_rate": 1,
            "a_compress_e_rate": 2,
            "a_compress_use_split": True,
            "edge_init_use_dist": True,
            "use_exp_switch": True,
            "e_rcut_smth": 3.5,
            "a_rcut_smth": 2.6,
        },
        activation_function="silut:0.5",
        add_chg_spin_ebd=True,
    ),
]
CASES_DOUBLE = [case for case in CASES if case.is_double]
FEW_CASES = [
    case
    for case in CASES
    if case.name
    in (
        "se_e2_a: time steps",
        "se_e2_a: mixed precision",
        "se_e2_a: frame and atomic parameters",
        "se_e2_a: model without some atoms and pairs",
        "se_e2_a: silu and softplus",
        "se_atten: two layers",
        "se_atten: smooth, strip",
        "se_atten: excluded pairs",
        "se_atten: electrons",
        "se_atten_v2: float32",
        "se_e2_r: one side, excluded pairs",
        "se_e2_a: dipole of some types, all parameters",
        "se_e2_a: polarizability of some types, full matrix",
        "se_e2_a: density of states",
        "hybrid: three lists",
        "dpa2: three-body, strip",
        "dpa2: other updates",
        "se_e3: excluded pairs, time steps",
        "se_e3_tebd: strip, types not in the output",
        "se_e2_a: parameters, beside tables and another net",
        "se_atten_v2: table for near atoms",
        "dpa3: dynamic, split, in sequence, of ions",
    )
]
"""Between them they use every operation."""
FEW_CASES_DOUBLE = [case for case in FEW_CASES if case.is_double]
TRAINING_CASES = [case for case in CASES if case.name.endswith(("plain", "float32", "parameters"))]
"""What trainings of several steps are tried on."""
FEW_TRAINING_CASES = [
    case
    for case in TRAINING_CASES
    if case.name
    in (
        "se_e2_a: plain",
        "se_e2_a: float32",
        "se_e2_a: spins and parameters",
        "se_e2_a: dipole of some types, all parameters",
        "se_e2_a: populations, atomic parameters",
        "se_atten: plain",
        "hybrid: plain",
        "dpa2: plain",
    )
]
"""Between them they have every loss."""
TRAINING_CASES_DOUBLE = [case for case in TRAINING_CASES if case.is_double]
CONVERSION_CASE = row(
    "se_e2_a",
    "two precisions, parameters",
    precision="float32",
    fitting={"numb_fparam": 1, "numb_aparam": 2, "atom_ener": [None, 0.5]},
)
PARTS_CASE = next(case for case in CASES_DOUBLE if case.name == "se_e2_a: frame and atomic parameters")
BLOCKS_CASE = next(case for case in CASES_DOUBLE if case.name == "dpa2: three-body, strip")
