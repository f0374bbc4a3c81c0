# SPDX-License-Identifier: LGPL-3.0-or-later
"""The keys that fitting nets share, and what is to be checked of them; for a third party's fittings too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.schema.argument import NOT_NEGATIVE, WIDTHS, activation_function, key, not_yet, precision, seed
from deepmd.schema.semantics import check_types

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dargs import Argument

    Section = dict[str, Any]
    """A part of the input."""


def parameters() -> list[Argument]:
    """What all fittings say of what they take beside the descriptor."""
    return [
        key("numb_fparam", int, "Number of frame parameters.", default=0, **NOT_NEGATIVE),
        key("numb_aparam", int, "Number of atomic parameters.", default=0, **NOT_NEGATIVE),
        key("default_fparam", [list[float], None], "Frame parameters of data without any.", default=None),
        not_yet("dim_case_embd", int, default=0),
    ]


def net(neuron: Sequence[int] = (120, 120, 120)) -> list[Argument]:
    """What all fittings say of their net; the widths are those that it has by default."""
    return [
        key("neuron", list[int], "Widths of the hidden layers.", default=[*neuron], alias=["n_neuron"], **WIDTHS),
        activation_function(),
        precision(),
        key("resnet_dt", bool, "Whether the residual steps have trainable widths.", default=True),
        seed("the initial weights"),
    ]


def trainable() -> Argument:
    """The key ``trainable``."""
    doc = "Whether the parameters are trained; a list tells it of each hidden layer and the last one."
    return key("trainable", [bool, list[bool]], doc, default=True)


def rcond(of: str) -> Argument:
    """The key ``rcond`` of an output with a bias."""
    doc = f"Relative size below which singular values are dropped when the {of} per type is fitted to the data."
    return key("rcond", [float, None], doc, default=None)


def selected(tensor: str, alias: str) -> Argument:
    """The key ``sel_type``."""
    doc = f"Types of the atoms that have a {tensor}, one or a list; null: all."
    return key("sel_type", [int, list[int], None], doc, optional=True, alias=[alias])


def check_selected(section: Section, where: str, type_map: list[str]) -> None:
    """Checks that the types in ``sel_type`` are there."""
    given = section.get("sel_type")
    if given is not None:
        check_types(given if isinstance(given, list) else [given], f"{where}/sel_type", type_map)


def check_net(section: Section, where: str, type_map: list[str]) -> None:
    """`Row.check` of fittings whose layers and parameters have such keys."""
    del type_map
    check_trainable(section, where)
    check_parameters(section, where)


def check_tensor(section: Section, where: str, type_map: list[str]) -> None:
    """`Row.check` of fittings of tensors that some types may have."""
    check_parameters(section, where)
    check_selected(section, where, type_map)


def check_parameters(section: Section, where: str) -> None:
    """Checks the default frame parameters."""
    default, expected = section["default_fparam"], section["numb_fparam"]
    if default is not None and len(default) != expected:
        raise InputError(f"{where}/default_fparam is a list of {len(default)}; numb_fparam says {expected}.")


def check_trainable(section: Section, where: str) -> None:
    """Checks that a list in ``trainable`` has a value for each layer."""
    layers, given = len(section["neuron"]) + 1, section["trainable"]
    if isinstance(given, list) and len(given) != layers:
        raise InputError(f"{where}/trainable is a list of {len(given)}; expected {layers} values, one for each layer.")
