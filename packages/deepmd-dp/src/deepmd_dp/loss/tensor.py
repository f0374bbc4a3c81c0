# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of a tensor model: tensors of frames and of atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array
from deepmd_dp.loss.interface import Arrays, Term
from deepmd_dp.loss.prefactor import Prefactor
from deepmd_dp.loss.reduction import errors_of_atoms, errors_of_frames
from deepmd_dp.loss.summation import SumOfTerms

if TYPE_CHECKING:
    from deepmd.outputs import OutputDef


@dataclass(frozen=True, kw_only=True)
class TensorLoss(SumOfTerms):
    r"""Loss `tensor` of an output X: pref · mean \|ΔX\|² + pref_atomic · mean \|w_i Δx_i\|².

    ΔX is the difference of prediction and label of a frame (``X.npy``), Δx_i that of an atom (``atomic_X.npy``); the
    means go over the frames, or over all atoms of the batch that have the output, and over components. The metrics are
    ``rmse_global_X``, divided by the number of such atoms in a frame, and ``rmse_local_X``.

    Attributes
    ----------
    output : OutputDef
    pref, pref_atomic : float
        0: the term is left out.
    enable_atomic_weight : bool
        Whether there are weights w_i, ``atomic_weight.npy``; else they are 1.

    References
    ----------
    The terms and their norms are those of deepmd-kit 3.2 with ``--pt``.
    """

    output: OutputDef
    pref: float = 0.0
    pref_atomic: float = 0.0
    enable_atomic_weight: bool = False

    @classmethod
    def from_input(cls, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> TensorLoss:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            A prefactor is negative, both are 0, or the model gives no tensor.
        """
        output = outputs[0]
        if output.is_scalar:
            raise InputError(f"loss/type is 'tensor', but the model gives the scalar {output.name}.")
        if set(output.shape) != {3}:
            wanted = output.kind or output.name
            raise InputError(f"loss/type is 'tensor', but the model gives {output.name}; take {wanted!r}.")
        loss = cls(
            output=output,
            start_lr=start_lr,
            pref=float(section["pref"]),
            pref_atomic=float(section["pref_atomic"]),
            enable_atomic_weight=section.get("enable_atomic_weight", False),
        )
        if min(loss.pref, loss.pref_atomic) < 0.0 or max(loss.pref, loss.pref_atomic) == 0.0:
            raise InputError(
                f"loss/pref is {loss.pref:g} and loss/pref_atomic {loss.pref_atomic:g}; one must be above 0, "
                "none below it."
            )
        return loss

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at."""
        kinds = {"sum": self.pref, "atom": self.pref_atomic}
        return frozenset(self.output.term_name(kind) for kind, pref in kinds.items() if pref)

    @property
    def requirements(self) -> list[DataRequirement]:
        """The labels to read; none must be there: a term without its label is left out."""
        name, size, selected = self.output.name, self.output.ncomponents, self.output.selected_types
        labels = []
        if self.pref_atomic:
            labels.append(DataRequirement(f"atom_{name}", size, atomic=True, selected_types=selected))
        if self.pref:
            labels.append(DataRequirement(name, size))
        if self.enable_atomic_weight:
            labels.append(DataRequirement("atom_weight", 1, atomic=True, default=1.0, selected_types=selected))
        return labels

    def terms(self) -> list[Term]:
        """The terms in use."""
        name = self.output.name
        terms = [
            Term(f"rmse_global_{name}", Prefactor(self.pref, self.pref), (name,), self._of_frames),
            Term(
                f"rmse_local_{name}", Prefactor(self.pref_atomic, self.pref_atomic), (f"atom_{name}",), self._of_atoms
            ),
        ]
        return [term for term in terms if term.prefactor.is_used]

    def _of_frames(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = label[self.output.name] - prediction[self.output.term_name("sum")]
        return errors_of_frames(difference, prediction["mask"])

    def _of_atoms(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = label[f"atom_{self.output.name}"] - prediction[self.output.term_name("atom")]
        if self.enable_atomic_weight:
            difference = difference * label["atom_weight"]
        return errors_of_atoms(difference, prediction["mask"])
