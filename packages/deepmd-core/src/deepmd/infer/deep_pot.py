# SPDX-License-Identifier: LGPL-3.0-or-later
"""Potential energy models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.infer.evaluator import DeepEval, refuse_unknown
from deepmd.infer.frames import read_frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


class DeepPot(DeepEval, model_type="energy"):
    """A potential energy model; the parameters are those of `DeepEval`.

    Examples
    --------
    >>> from deepmd.infer import DeepPot
    >>> dp = DeepPot("model.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> e, f, v = dp.eval(coord, None, ["H", "O", "H"])
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
        hessian: bool | None = None,
        **kwargs: Any,
    ) -> tuple[np.ndarray, ...]:
        """Energies, forces and virials of frames.

        Parameters
        ----------
        coords : (nframes, natoms * 3) or (nframes, natoms, 3) [Å]
            The axis of the frames may be missing where there is one frame.
        cells : (nframes, 9) or (nframes, 3, 3) [Å] or None
            Rows are cell vectors, periodic in all directions; None: open boundaries.
        atom_types : (natoms,), or (nframes, natoms) where ``mixed_type``
            Indices into the type map (-1: virtual atom), or names of elements.
        atomic, mixed_type : bool
            Whether atomic energies and virials are given too; whether the types differ between the frames.
        fparam : (nframes, dim_fparam) or (dim_fparam,), optional
        aparam : (nframes, natoms, dim_aparam), (natoms, dim_aparam) or (dim_aparam,), optional
        hessian : bool or None
            Whether the Hessian is given too, see `eval_hessian`; None: where the model was trained on Hessians.
        **kwargs
            Of `read_frames` ``spin`` and ``charge_spin``, for models that take them; others' (``efield``, ...): None.

        Returns
        -------
        energy : np.ndarray, (nframes, 1) float64 [eV]
        force : np.ndarray, (nframes, natoms, 3) float64 [eV/Å]
        virial : np.ndarray, (nframes, 9) float64 [eV]
            The stress is -virial / volume.
        atom_energy, atom_virial : np.ndarray, (nframes, natoms, 1) [eV] and (nframes, natoms, 9) float64 [eV]
            Only where ``atomic``.
        force_mag, mask_mag : np.ndarray, (nframes, natoms, 3) float64 [eV/μB] and (nframes, natoms, 1) bool
            Only of a model of spins: minus the derivative by the spins, and which atoms have one.
        hessian : np.ndarray, (nframes, 3 natoms, 3 natoms) float64 [eV/Å²]
            Only where asked for.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        ResultError
            A result is not finite, for instance since two atoms are at the same place.
        """
        terms = self.eval_terms(coords, cells, atom_types, atomic, fparam, aparam, mixed_type, **kwargs)
        names = ("energy", "force", "virial") + (("atom_energy", "atom_virial") if atomic else ())
        found = tuple(terms[name] for name in names)
        if self.has_spin:
            found = (*found, terms["force_mag"], terms["mask_mag"] > 0)
        if not (self.backend.get_has_hessian() if hessian is None else hessian):
            return found
        return (*found, self.eval_hessian(coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs))

    def eval_hessian(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        **kwargs: Any,
    ) -> np.ndarray:
        """Second derivatives of the energy by the positions.

        They take 3 natoms backward passes and the memory for one: molecules, not liquids.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, **kwargs
            As for `eval`.

        Returns
        -------
        np.ndarray, (nframes, 3 natoms, 3 natoms) float64 [eV/Å²]
            Row and column 3a + k are those of atom a's coordinate k.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        """
        if self.has_spin:
            raise InputError("Hessians of models of spins are not there yet; forces and magnetic forces are.")
        charge_spin = kwargs.pop("charge_spin", None)
        given = (coords, cells, atom_types, fparam, aparam, mixed_type)
        frames = read_frames(self.backend, *given, charge_spin=charge_spin)
        refuse_unknown(kwargs)

        def evaluate(**part: Any) -> dict[str, np.ndarray]:
            return {"hessian": self.backend.eval_hessian(**part)}

        return self._batch_size.evaluate(evaluate, frames)["hessian"]
