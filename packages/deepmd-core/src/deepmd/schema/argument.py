# SPDX-License-Identifier: LGPL-3.0-or-later
"""The few words in which the schema is written, on top of dargs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dargs import Argument

from deepmd.registry import NOT_YET

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIVATIONS = ("tanh", "relu", "relu6", "softplus", "sigmoid", "gelu", "gelu_tf", "silu", "none", "linear")
PARAMETRIC_ACTIVATIONS = ("silut", "custom_silu")
PRECISIONS = ("default", "float64", "float32")
MULTI_TASK = "several models in one training (multi-task) are not in this version yet; train each by itself"
"""Why the keys of such a training are `not_yet`."""
_NO_DEFAULT = Argument("name", int, optional=True).default


class NotYet(Argument):
    """A key, or a choice of a ``type``, that deepmd-kit knows and this version does not act on.

    A key may be given with its default, which asks for nothing. Its ``doc`` is the reason, for the message.
    """


class Unused(Argument):
    """A key of deepmd-kit that only matters beside one which is `NotYet`, or whose absence changes no result.

    Any value will do; where it has a ``doc``, that is why it has no effect, and the log says so.
    """


def acts(argument: Argument) -> bool:
    """Whether this version acts on the argument."""
    return not isinstance(argument, NotYet | Unused)


def has_default(argument: Argument) -> bool:
    """Whether a normalised section has it in any case."""
    return not argument.optional or argument.default is not _NO_DEFAULT


def key(name: str, dtype: Any, doc: str, **options: Any) -> Argument:
    """A key of the input; it is optional where it has a default."""
    options.setdefault("optional", "default" in options)
    return Argument(name, dtype, doc=doc, **options)


def not_yet(name: str, dtype: Any = dict, **options: Any) -> Argument:
    """A key or a choice that is not in this version; ``default`` is the value that may be given."""
    options.setdefault("doc", NOT_YET)
    return NotYet(name, dtype, optional=True, **options)


def unused(name: str, dtype: Any, **options: Any) -> Argument:
    """A key that has no effect, whatever its value; ``doc`` is the reason, where the log is to say so."""
    return Unused(name, dtype, optional=True, **options)


def must(condition: Callable[[Any], bool], expected: str) -> dict[str, Any]:
    """A condition on a value, and what is expected, for the message: ``a positive number``."""
    return {"extra_check": condition, "extra_check_errmsg": expected}


def one_of(*values: str) -> dict[str, Any]:
    """The condition that a value is one of these."""
    return must(lambda value: value in values, f"one of {', '.join(values)}")


POSITIVE = must(lambda value: value > 0, "a positive number")
NOT_NEGATIVE = must(lambda value: value >= 0, "zero or a positive number")
FRACTION = must(lambda value: 0 <= value < 1, "a number from 0 to below 1")
WIDTHS = must(lambda value: len(value) > 0 and min(value) > 0, "a list of positive widths, one per layer")


SEL_DOC = (
    "Most neighbors within the cut-off that the model is made for: {form}, `auto` (counted in the data, with a "
    "tenth to spare) or `auto:FACTOR`."
)


def is_sel(sel: int | list[int] | str) -> bool:
    """Whether a value is a form of ``sel``: numbers of neighbors, ``auto`` or ``auto:1.2``."""
    if isinstance(sel, str):
        return re.fullmatch(r"auto(:\d+(\.\d+)?)?", sel) is not None
    numbers = sel if isinstance(sel, list) else [sel]
    return min(numbers, default=0) >= 0 and max(numbers, default=0) > 0


SEL = must(is_sel, "numbers of neighbors, `auto` or `auto:FACTOR`; one of them above 0")


def is_activation(name: str) -> bool:
    """Whether this is the name of an activation function, such as ``tanh`` or ``silut:3.0``."""
    head, _, parameter = name.lower().partition(":")
    if head in PARAMETRIC_ACTIVATIONS:
        return not parameter or (parameter.replace(".", "", 1).isdigit() and float(parameter) > 0.0)
    return head in ACTIVATIONS and not parameter


def activation_function(default: str = "tanh") -> Argument:
    """The key ``activation_function``."""
    names = ", ".join((*ACTIVATIONS, *(f"{name}:THRESHOLD" for name in PARAMETRIC_ACTIVATIONS)))
    return key(
        "activation_function",
        str,
        f"Activation function of the hidden layers: {names}.",
        default=default,
        **must(is_activation, f"one of {names}, the threshold above 0"),
    )


def precision() -> Argument:
    """The key ``precision``."""
    return key(
        "precision",
        str,
        "Floating-point type of the parameters and of the computation; `default` is float64.",
        default="default",
        **one_of(*PRECISIONS),
    )


def seed(of: str) -> Argument:
    """The key ``seed``."""
    positive = must(lambda value: value is None or value >= 0, "zero or a positive number, or null")
    return key("seed", [int, None], f"Seed of {of}; null: a new one in each run.", optional=True, **positive)
