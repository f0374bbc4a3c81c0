# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of a property of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.loss.interface import Arrays, Numbers
from deepmd_dp.loss.reduction import error_of_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.outputs import OutputDef

DEVIATION = "deviation"
"""Asks for the model's `deviation` beside the terms."""
SMALL = 1e-3
"""Added to the label that a relative error is divided by, as deepmd-kit does."""


def _mean(x: Array) -> Array:
    return array_namespace(x).mean(x)


def _total(x: Array) -> Array:
    return array_namespace(x).sum(x)


def _root(x: Array) -> Array:
    return array_namespace(x).sqrt(x)


@dataclass(frozen=True, kw_only=True)
class PropertyLoss:
    r"""Loss `property` of the differences e = Δp/σ, with the deviation σ that the biases leave of the data.

    Properties that are sums over the atoms are divided by their number before. ``mae`` is Σ\|e\|, ``mse`` Σ e²,
    ``smooth_mae`` Σ e²/2β below β and \|e\| - β/2 above it, ``rmse`` the root of the mean of e²; ``mape`` is the mean
    of \|Δp / (p + 0.001)\|. The metrics are the means of the same of Δp itself.

    Attributes
    ----------
    output : OutputDef
    loss_func : str
        What is minimised.
    metric : tuple of str
        What is shown.
    beta : float
        β.

    References
    ----------
    The forms and their sums are those of deepmd-kit 3.2 with ``--pt``.
    """

    output: OutputDef
    loss_func: str = "smooth_mae"
    metric: tuple[str, ...] = ("mae",)
    beta: float = 1.0

    @classmethod
    def from_input(cls, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> PropertyLoss:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            The model gives no property.
        """
        del start_lr  # there are no prefactors
        output = outputs[0]
        if output.kind != "property":
            raise InputError(f"loss/type is 'property', but the model gives {output.name}.")
        metric = tuple(dict.fromkeys(section["metric"]))
        return cls(output=output, loss_func=section["loss_func"], metric=metric, beta=float(section["beta"]))

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at."""
        return frozenset({self.output.name, DEVIATION})

    @property
    def requirements(self) -> list[DataRequirement]:
        """The label to read."""
        return [DataRequirement(self.output.name, self.output.ncomponents, high_precision=True)]

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """The label."""
        return ((self.output.name,),)

    def __call__(
        self, prediction: Arrays, label: Arrays, found: dict[str, bool], lr: float | Float[Array, ""]
    ) -> tuple[Float[Array, ""], Numbers]:
        """The loss and the metrics, see `deepmd_dp.loss.interface.Loss`."""
        del lr
        name, like = self.output.name, prediction["mask"]
        if not found.get(name, False):
            missing = constant(np.full((), np.nan), like=like)
            return constant(np.zeros(()), like=like), dict.fromkeys(self.metric, missing)
        value, target = prediction[name], label[name]
        if self.output.reduction == "sum":
            xp = array_namespace(like)
            natoms = xp.sum(like, axis=1)
            natoms = xp.where(natoms > 0, natoms, xp.ones_like(natoms))
            value, target = value / natoms, target / natoms
        difference = value - target
        relative = difference / (target + SMALL)
        return self._loss(difference / _safe(prediction[DEVIATION]), relative), {
            metric: self._reduced(metric, difference, relative, _mean) for metric in self.metric
        }

    def _loss(self, normal: Array, relative: Array) -> Float[Array, ""]:
        reduce = _mean if self.loss_func in ("rmse", "mape") else _total
        return self._reduced(self.loss_func, normal, relative, reduce)

    def _reduced(
        self, kind: str, difference: Array, relative: Array, reduce: Callable[[Array], Array]
    ) -> Float[Array, ""]:
        """An error of a kind, summed up or averaged."""
        reduced = reduce(error_of_each(kind, relative if kind == "mape" else difference, self.beta))
        return _root(reduced) if kind == "rmse" else reduced


def _safe(deviation: Array) -> Array:
    """1 where the labels of the data are all the same."""
    xp = array_namespace(deviation)
    return xp.where(deviation > 0, deviation, xp.ones_like(deviation))
