# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW, once for all frameworks.

A framework's own optimiser takes the place of `Adam.step` only where it gives the same numbers and is faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace

if TYPE_CHECKING:
    from collections.abc import Callable


KINDS = ("Adam", "AdamW")
EPSILON = 1e-8


class Moments(NamedTuple):
    """What Adam remembers of a parameter."""

    step: Float[Array, ""]  # how many gradients it has met
    exp_avg: Float[Array, "*axes"]
    exp_avg_sq: Float[Array, "*axes"]


@dataclass(frozen=True)
class Adam:
    """m ← b1 m + (1-b1) g, v ← b2 v + (1-b2) g², p ← p - lr m̂ / (√v̂ + ε), with m̂ = m/(1-b1ᵗ), v̂ = v/(1-b2ᵗ).

    The weight decay of ``Adam`` is added to the gradient, that of ``AdamW`` to the step.

    References
    ----------
    Kingma & Ba, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter, arXiv:1711.05101, algorithm 2.
    """

    is_decoupled: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 0.0

    @classmethod
    def from_input(cls, config: dict[str, Any]) -> Adam:
        """That of the normalised input's section ``optimizer``.

        Raises
        ------
        InputError
            The optimiser is another one.
        """
        section = config.get("optimizer", {})
        kind = section.get("type", "Adam")
        if kind not in KINDS:
            raise InputError(f"optimizer.type {kind!r} is not supported; expected one of {', '.join(KINDS)}.")
        return cls(
            is_decoupled=kind == "AdamW",
            beta1=section.get("adam_beta1", 0.9),
            beta2=section.get("adam_beta2", 0.999),
            weight_decay=section.get("weight_decay", 0.0),
        )

    def step(
        self, p: Float[Array, "*axes"], g: Float[Array, "*axes"], moments: Moments, lr: float | Float[Array, ""]
    ) -> tuple[Float[Array, "*axes"], Moments]:
        """The parameter and its moments after a step at the learning rate `lr` [1]; runs eagerly or traced.

        ``moments.step`` and a traced `lr` are in double precision; the result has the parameter's.
        """
        xp, (b1, b2) = array_namespace(p), (self.beta1, self.beta2)
        t = moments.step + 1.0
        if self.is_decoupled:
            p = p * _number(1.0 - lr * self.weight_decay, p)
        elif self.weight_decay:
            g = g + self.weight_decay * p
        m = b1 * moments.exp_avg + (1.0 - b1) * g
        v = b2 * moments.exp_avg_sq + (1.0 - b2) * (g * g)
        rate, unbiased = _number(lr / (1.0 - b1**t), p), _number(1.0 / (1.0 - b2**t), p)
        return p - rate * m / (xp.sqrt(v * unbiased) + EPSILON), Moments(t, m, v)


def _number(value: float | Array, like: Array) -> float | Array:
    """A number, where it is an array in the type of `like`."""
    if isinstance(value, int | float | np.generic):
        return float(value)
    return array_namespace(like).astype(value, like.dtype)


def read_moments(
    arrays: dict[str, np.ndarray], parameters: dict[str, np.ndarray], convert: Callable[[np.ndarray], Array]
) -> dict[str, Moments]:
    """The parameters' moments out of arrays named ``<slot>/<path>``; zeros where there are none."""

    def of(path: str, parameter: np.ndarray) -> Moments:
        step = np.asarray(arrays.get(f"step/{path}", 0.0), dtype=np.float64)
        zeros = np.zeros_like(parameter)
        slots = (np.asarray(arrays.get(f"{slot}/{path}", zeros), parameter.dtype) for slot in Moments._fields[1:])
        return Moments(convert(step), *(convert(array) for array in slots))

    return {path: of(path, parameter) for path, parameter in parameters.items()}


def write_moments(moments: dict[str, Moments], convert: Callable[[Array], np.ndarray]) -> dict[str, np.ndarray]:
    """A checkpoint's arrays, named ``<slot>/<path>``, of the parameters that have met a gradient."""
    arrays: dict[str, np.ndarray] = {}
    for path, each in moments.items():
        if float(each.step) > 0.0:
            values = (np.asarray(float(each.step), dtype=np.float32), *map(convert, each[1:]))
            arrays |= {f"{slot}/{path}": value for slot, value in zip(Moments._fields, values, strict=True)}
    return arrays
