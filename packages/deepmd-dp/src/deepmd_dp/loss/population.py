# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of populations: of atoms and their sums, each spin by itself and their difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.loss.interface import Arrays, Numbers
from deepmd_dp.loss.prefactor import Prefactor
from deepmd_dp.loss.reduction import error_of_each

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef

LABEL = "atom_population"
TERMS = {
    "pop_alpha_total": "pop_alpha_total_loss",
    "pop_beta_total": "pop_beta_total_loss",
    "pop": "pop_loss",
    "spin": "spin_loss",
    "spin_total": "spin_total_loss",
}
"""Of the prefactors' names: those of the metrics."""


class Difference(NamedTuple):
    """Prediction minus label of some numbers, 0 where there are none, and how many there are."""

    values: Float[Array, "*axes"]
    number: Float[Array, ""]


@dataclass(frozen=True, kw_only=True)
class PopulationLoss:
    r"""Loss `population` of the electrons α_i and β_i of atoms: Σ p L(Δ) over five differences Δ.

    They are ``pop``, (α_i, β_i); ``spin``, α_i - β_i; the frames' sums Σ_i α_i, ``pop_alpha_total``, Σ_i β_i,
    ``pop_beta_total``, and Σ_i (α_i - β_i), ``spin_total``. L is the sum over the batch of \|Δ\| (``mae``), of Δ²/2β
    below β and \|Δ\| - β/2 above it (``smooth_mae``), or the root of the mean of Δ² times the number of Δ (``rmse``);
    those of atoms are divided by the mean number of atoms of a frame. Beside these L the metrics have the predicted
    ``spin_total``, mean over frames, and the errors of ``pop`` that `metric` names, means over all.

    Attributes
    ----------
    output : OutputDef
    start_lr : float
        Learning rate at which the prefactors have their first values [1].
    prefactors : dict
        Of the five.
    loss_func : str
        L.
    metric : tuple of str
        What is shown.
    beta : float
        β [e].

    References
    ----------
    The terms and their sums are those of deepmd-kit 3.2 with ``--pt``.
    """

    output: OutputDef
    start_lr: float
    prefactors: dict[str, Prefactor]
    loss_func: str = "smooth_mae"
    metric: tuple[str, ...] = ("mae",)
    beta: float = 1.0

    @classmethod
    def from_input(cls, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> PopulationLoss:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            The model gives no populations.
        """
        if outputs[0].name != "population":
            raise InputError(f"loss/type is 'population', but the model gives {outputs[0].name}.")
        return cls(
            output=outputs[0],
            start_lr=start_lr,
            prefactors={term: Prefactor.of(section, term) for term in TERMS},
            loss_func=section["loss_func"],
            metric=tuple(dict.fromkeys(section["metric"])),
            beta=float(section["beta"]),
        )

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at."""
        return frozenset({self.output.term_name("atom")})

    @property
    def requirements(self) -> list[DataRequirement]:
        """The label to read."""
        return [DataRequirement(LABEL, self.output.ncomponents, atomic=True, high_precision=True)]

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """The label."""
        return ((LABEL,),)

    def __call__(
        self, prediction: Arrays, label: Arrays, found: dict[str, bool], lr: float | Float[Array, ""]
    ) -> tuple[Float[Array, ""], Numbers]:
        """The loss and the metrics, see `deepmd_dp.loss.interface.Loss`."""
        mask = prediction["mask"]
        if not found.get(LABEL, False):
            missing = constant(np.full((), np.nan), like=mask)
            return constant(np.zeros(()), like=mask), dict.fromkeys(self._metrics(), missing)
        xp = array_namespace(mask)
        predicted = prediction[LABEL] * mask
        differences = _differences(predicted, label[LABEL] * mask, mask)
        of_frame = xp.mean(xp.sum(mask, axis=1))
        of_frame = xp.where(of_frame > 1, of_frame, xp.ones_like(of_frame))
        loss, metrics = constant(np.zeros(()), like=mask), {}
        for term, metric in TERMS.items():
            value = self._total(self.loss_func, differences[term])
            value = value if term.endswith("total") else value / of_frame
            loss = loss + self.prefactors[term].at(lr / self.start_lr) * value
            metrics[metric] = value
        metrics["spin_total"] = xp.mean(xp.sum(_spin(predicted), axis=1))
        for kind in self.metric:
            metrics[kind] = self._mean(kind, differences["pop"])
        return loss, {name: metrics[name] for name in self._metrics()}

    def _metrics(self) -> list[str]:
        """Names in the alphabetical order of `lcurve.out`."""
        return sorted({*TERMS.values(), "spin_total", *self.metric})

    def _total(self, kind: str, difference: Difference) -> Float[Array, ""]:
        """An error of a kind, summed up."""
        xp = array_namespace(difference.values)
        if kind == "rmse":
            return self._mean(kind, difference) * difference.number
        return xp.sum(error_of_each(kind, difference.values, self.beta))

    def _mean(self, kind: str, difference: Difference) -> Float[Array, ""]:
        """An error of a kind, averaged."""
        xp = array_namespace(difference.values)
        count = xp.where(difference.number > 0, difference.number, xp.ones_like(difference.number))
        mean = xp.sum(error_of_each(kind, difference.values, self.beta)) / count
        return xp.sqrt(mean) if kind == "rmse" else mean


def _differences(
    predicted: Float[Array, "nframes nloc 2"],
    label: Float[Array, "nframes nloc 2"],
    mask: Float[Array, "nframes nloc 1"],
) -> dict[str, Difference]:
    """Those of each term; prediction and label are 0 where the mask is."""
    xp = array_namespace(mask)
    difference = predicted - label
    totals = xp.sum(difference, axis=1)
    natoms, nframes = xp.sum(mask), xp.sum(xp.ones_like(totals[:, 0]))
    return {
        "pop": Difference(difference, 2.0 * natoms),
        "spin": Difference(_spin(difference), natoms),
        "pop_alpha_total": Difference(totals[:, 0], nframes),
        "pop_beta_total": Difference(totals[:, 1], nframes),
        "spin_total": Difference(_spin(totals), nframes),
    }


def _spin(population: Float[Array, "*lead 2"]) -> Float[Array, "*lead"]:
    """Alpha minus beta."""
    return population[..., 0] - population[..., 1]
