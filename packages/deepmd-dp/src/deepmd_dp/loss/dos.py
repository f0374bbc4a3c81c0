# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of a density of states: of frames and of atoms, itself and its integral."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.loss.interface import Arrays, Term
from deepmd_dp.loss.prefactor import Prefactor
from deepmd_dp.loss.reduction import errors_of_atoms, errors_of_frames
from deepmd_dp.loss.summation import SumOfTerms

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef

TERMS = {"ados": "local_dos", "acdf": "local_cdf", "dos": "global_dos", "cdf": "global_cdf"}
"""Of the prefactors' names: those of the metrics, in the order of deepmd-kit's `lcurve.out`."""


@dataclass(frozen=True, kw_only=True)
class DosLoss(SumOfTerms):
    r"""Loss `dos`: Σ p mean \|Δ\|² over the densities g of frames and atoms and their sums C_k = Σ_{q≤k} g_q.

    The means go over the frames, or over all atoms of the batch, and over the energies. The metrics are the roots,
    of frames divided by their number of atoms.

    Attributes
    ----------
    output : OutputDef
    prefactors : dict
        Of ``dos`` and ``cdf`` of frames, ``ados`` and ``acdf`` of atoms.

    References
    ----------
    The terms and their norms are those of deepmd-kit 3.2 with ``--pt``.
    """

    output: OutputDef
    prefactors: dict[str, Prefactor]

    @classmethod
    def from_input(cls, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> DosLoss:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            The model gives no density of states.
        """
        if outputs[0].name != "dos":
            raise InputError(f"loss/type is 'dos', but the model gives {outputs[0].name}.")
        return cls(
            output=outputs[0], start_lr=start_lr, prefactors={term: Prefactor.of(section, term) for term in TERMS}
        )

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at."""
        return frozenset(label for term in self.terms() for label in term.labels)

    @property
    def requirements(self) -> list[DataRequirement]:
        """The labels to read; none must be there: a term without its label is left out."""
        size = self.output.ncomponents
        known = [DataRequirement("atom_dos", size, atomic=True), DataRequirement("dos", size)]
        return [each for each in known if each.key in self.needs]

    def terms(self) -> list[Term]:
        """The terms in use."""
        return [
            Term(
                f"rmse_{metric}",
                self.prefactors[name],
                ("atom_dos" if metric.startswith("local") else "dos",),
                partial(
                    self._of_atoms if metric.startswith("local") else self._of_frames, summed=metric.endswith("cdf")
                ),
            )
            for name, metric in TERMS.items()
            if any(self.prefactors[name])
        ]

    def _of_frames(self, prediction: Arrays, label: Arrays, *, summed: bool) -> tuple[Array, Array]:
        difference = _difference(prediction["dos"], label["dos"], summed=summed)
        return errors_of_frames(difference, prediction["mask"])

    def _of_atoms(self, prediction: Arrays, label: Arrays, *, summed: bool) -> tuple[Array, Array]:
        difference = _difference(prediction["atom_dos"], label["atom_dos"], summed=summed)
        return errors_of_atoms(difference, prediction["mask"])


def _difference(prediction: Array, label: Array, *, summed: bool) -> Array:
    difference = prediction - label
    if not summed:
        return difference
    size = difference.shape[-1]
    # a product has fast derivatives in every framework, and a density has some hundred components
    return array_namespace(difference).matmul(difference, constant(np.triu(np.ones((size, size))), difference))
