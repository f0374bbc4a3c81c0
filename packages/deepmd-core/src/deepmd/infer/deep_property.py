# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of a property of frames, whatever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.infer.evaluator import DeepEval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


class DeepNumbers(DeepEval):
    """A model of k numbers of a frame, made of those of its atoms: `DeepProperty`, `DeepDOS`."""

    def eval(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        **kwargs: Any,
    ) -> tuple[np.ndarray, ...]:
        """The property of the frames.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs
            As for `DeepPot.eval`.
        atomic : bool
            Whether the atoms' numbers are given too.

        Returns
        -------
        value : np.ndarray, (nframes, k) float64
        atom_value : np.ndarray, (nframes, natoms, k) float64
            Only where ``atomic``.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        """
        terms = self.eval_terms(
            coords, cells, atom_types, atomic, fparam, aparam, mixed_type, derivatives=False, **kwargs
        )
        output = self.outputs[0]
        return tuple(terms[output.term_name(kind)] for kind in (("sum", "atom") if atomic else ("sum",)))

    def get_var_name(self) -> str:
        """Name of the property, which is that of its labels."""
        return self.outputs[0].name

    def get_task_dim(self) -> int:
        """Number of components."""
        return self.outputs[0].ncomponents

    def get_intensive(self) -> bool:
        """Whether it is the mean over the atoms, and not the sum."""
        return self.outputs[0].reduction == "mean"


class DeepProperty(DeepNumbers, model_type="property"):
    """A model of k numbers of a frame, the sum or the mean of its atoms'; the parameters are those of `DeepEval`.

    Examples
    --------
    >>> from deepmd.infer import DeepProperty
    >>> dp = DeepProperty("band_gap.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> (gap,) = dp.eval(coord, None, ["H", "O", "H"])
    """
