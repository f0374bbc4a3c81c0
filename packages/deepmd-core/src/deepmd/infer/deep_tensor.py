# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of a tensor of each atom: what dipole models and their like have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.infer.evaluator import DeepEval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


class DeepTensor(DeepEval):
    """A model of atomic tensors of k components, which add up to that of the frame: `DeepDipole`, ...

    Its parameters are those of `DeepEval`. Atoms of types that are not selected have the tensor zero.
    """

    @property
    def output_tensor_name(self) -> str:
        """Name of the tensor, ``dipole`` for a dipole."""
        return self.outputs[0].name

    def eval(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        atomic: bool = True,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        **kwargs: Any,
    ) -> np.ndarray:
        """The tensors of the atoms, or of the frames.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs
            As for `DeepPot.eval`.
        atomic : bool
            True: the tensors of the atoms; False: their sum.

        Returns
        -------
        np.ndarray, float64
            (nframes, natoms, k) where ``atomic``, else (nframes, k).

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        """
        terms = self.eval_terms(
            coords, cells, atom_types, atomic, fparam, aparam, mixed_type, derivatives=False, **kwargs
        )
        return terms[self.outputs[0].term_name("atom" if atomic else "sum")]

    def eval_full(
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
        """The tensors of the frames with the derivatives of each component.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs
            As for `DeepPot.eval`.
        atomic : bool
            Whether the tensors and the virials of the atoms are given too.

        Returns
        -------
        tensor : np.ndarray, (nframes, k) float64
        force : np.ndarray, (nframes, k, natoms, 3) float64
            Minus the derivative of each component by the positions. deepmd-kit's Python has the same shape, but the
            numbers of components and atoms mixed up.
        virial : np.ndarray, (nframes, k, 9) float64
            Minus the derivative of each component by the strain ε, row by row, where all x become (1 + ε) x.
        atom_tensor : np.ndarray, (nframes, natoms, k) float64
            Only where ``atomic``.
        atom_virial : np.ndarray, (nframes, k, natoms, 9) float64
            Only where ``atomic``.

        Raises
        ------
        InputError
            The model has no derivatives; or something has the wrong size, is missing, is not finite, or names an
            unknown type.
        """
        output = self.outputs[0]
        if not output.has_derivative:
            raise InputError(f"{self.model_file}: {output.name} has no derivatives; use `eval`.")
        terms = self.eval_terms(coords, cells, atom_types, atomic, fparam, aparam, mixed_type, **kwargs)
        kinds = ("sum", "force", "virial") + (("atom", "atom_virial") if atomic else ())
        return tuple(terms[output.term_name(kind)] for kind in kinds)
