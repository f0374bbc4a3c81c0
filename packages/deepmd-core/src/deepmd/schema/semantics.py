# SPDX-License-Identifier: LGPL-3.0-or-later
"""What no single value of the input can tell: whether the values agree with each other."""

from __future__ import annotations

from typing import Any

from deepmd.errors import InputError


def check_meaning(config: dict[str, Any]) -> None:
    """Checks a normalised input.

    Raises
    ------
    InputError
        Where two values contradict each other.
    """
    section = config["model"]
    ntypes = len(section["type_map"])
    _check_descriptor(section["descriptor"], ntypes)
    _check_fitting(section["fitting_net"], ntypes)
    _check_types(section["pair_exclude_types"], ntypes, "model/pair_exclude_types")
    _check_types([section["atom_exclude_types"]], ntypes, "model/atom_exclude_types", per_item=None)
    _check_preset(section["preset_out_bias"], ntypes)


def _check_descriptor(descriptor: dict[str, Any], ntypes: int) -> None:
    where = "model/descriptor"
    if descriptor["rcut_smth"] >= descriptor["rcut"]:
        raise InputError(
            f"{where}/rcut_smth is {descriptor['rcut_smth']}; expected less than rcut, which is {descriptor['rcut']}."
        )
    sel = descriptor["sel"]
    if descriptor["type"] == "se_e2_a" and isinstance(sel, list) and len(sel) != ntypes:
        raise InputError(f"{where}/sel lists {len(sel)} numbers; expected {ntypes}, one for each name in type_map.")
    if "axis_neuron" in descriptor and descriptor["axis_neuron"] > descriptor["neuron"][-1]:
        raise InputError(
            f"{where}/axis_neuron is {descriptor['axis_neuron']}; "
            f"expected at most the last width in neuron, {descriptor['neuron'][-1]}."
        )
    _check_types(descriptor["exclude_types"], ntypes, f"{where}/exclude_types")


def _check_fitting(fitting: dict[str, Any], ntypes: int) -> None:
    where = "model/fitting_net"
    layers = len(fitting["neuron"]) + 1
    trainable = fitting["trainable"]
    if isinstance(trainable, list) and len(trainable) != layers:
        raise InputError(f"{where}/trainable lists {len(trainable)} values; expected {layers}, one for each layer.")
    energies = len(fitting["atom_ener"])
    if energies not in (0, ntypes):
        raise InputError(f"{where}/atom_ener lists {energies} energies; expected {ntypes}, one for each type.")
    default, expected = fitting["default_fparam"], fitting["numb_fparam"]
    if default is not None and len(default) != expected:
        raise InputError(f"{where}/default_fparam lists {len(default)} numbers; numb_fparam says {expected}.")


def _check_types(groups: list[list[int]], ntypes: int, where: str, per_item: int | None = 2) -> None:
    """Checks lists of types, of ``per_item`` types each."""
    for group in groups:
        if per_item is not None and len(group) != per_item:
            raise InputError(f"{where}: {group} is no pair of types; expected two numbers.")
        for index in group:
            if not 0 <= index < ntypes:
                raise InputError(f"{where}: there is no type {index}; type_map has the types 0 to {ntypes - 1}.")


def _check_preset(preset: dict[str, Any] | None, ntypes: int) -> None:
    for name, values in (preset or {}).items():
        where = "model/preset_out_bias"
        if name != "energy":
            raise InputError(f"{where}/{name}: the model has no such output; expected `energy`.")
        if not isinstance(values, list) or len(values) != ntypes:
            raise InputError(f"{where}/{name}: expected a list of {ntypes}, a number or null for each type.")
