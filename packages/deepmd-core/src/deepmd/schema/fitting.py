# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the fitting nets: one function each, listed in `FITTINGS`."""

from __future__ import annotations

from dargs import Argument, Variant

from deepmd.schema.argument import NOT_NEGATIVE, WIDTHS, activation_function, key, not_yet, precision, seed


def ener() -> Argument:
    fields = [
        key("numb_fparam", int, "Number of frame parameters.", default=0, **NOT_NEGATIVE),
        key("numb_aparam", int, "Number of atomic parameters.", default=0, **NOT_NEGATIVE),
        key("default_fparam", [list[float], None], "Frame parameters of data without any.", default=None),
        not_yet("dim_case_embd", int, default=0),
        key("neuron", list[int], "Widths of the hidden layers.", default=[120, 120, 120], alias=["n_neuron"], **WIDTHS),
        activation_function(),
        precision(),
        key("resnet_dt", bool, "Whether the residual steps have trainable widths.", default=True),
        key(
            "trainable",
            [bool, list[bool]],
            "Whether the parameters are trained; a list tells it of each hidden layer and the last one.",
            default=True,
        ),
        key(
            "rcond",
            [float, None],
            "Relative size below which singular values are dropped when the energy per type is fitted to the data.",
            default=None,
        ),
        seed("the initial weights"),
        key(
            "atom_ener",
            list,
            "Energy of each type's isolated atom [eV]; null: fitted to the data.",
            default=[],
        ),
        not_yet("layer_name", list),
        not_yet("use_aparam_as_mask", bool, default=False),
    ]
    return Argument("ener", dict, fields, doc="Energy as the sum of atomic energies.")


FITTINGS = (ener,)
NOT_YET_FITTINGS = {
    "dpa4_ener": ("sezm_ener",),
    "dos": (),
    "population": (),
    "property": (),
    "polar": (),
    "dipole": (),
}
"""deepmd-kit's other fitting nets and their aliases."""


def fitting_net() -> Argument:
    """The section ``model/fitting_net``."""
    choices = [make() for make in FITTINGS]
    choices += [not_yet(name, alias=alias) for name, alias in NOT_YET_FITTINGS.items()]
    variant = Variant("type", choices, optional=True, default_tag="ener", doc="What is fitted.")
    return key("fitting_net", dict, "From the descriptor to the atomic energy.", sub_variants=[variant])
