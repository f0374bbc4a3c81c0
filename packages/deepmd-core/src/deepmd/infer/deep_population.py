# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the electrons of each spin at the atoms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.infer.evaluator import DeepEval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


class DeepPopulation(DeepEval, model_type="population"):
    """A model of the electrons of spin alpha and beta at each atom; the parameters are those of `DeepEval`.

    Examples
    --------
    >>> from deepmd.infer import DeepPopulation
    >>> dp = DeepPopulation("population.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> (population,) = dp.eval(coord, None, ["H", "O", "H"])
    >>> spin = population[:, :, 0] - population[:, :, 1]
    """

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
    ) -> tuple[np.ndarray]:
        """The populations of the atoms.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs
            As for `DeepPot.eval`.
        atomic : bool
            Without effect: frames have no populations.

        Returns
        -------
        population : np.ndarray, (nframes, natoms, 2) float64 [e]
            Alpha and beta; a tuple of this one.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        """
        del atomic
        terms = self.eval_terms(
            coords, cells, atom_types, True, fparam, aparam, mixed_type, derivatives=False, **kwargs
        )
        return (terms["atom_population"],)
