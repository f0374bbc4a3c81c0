# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the inference API asks of a backend: evaluate frames, and say what the model is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from deepmd.errors import BackendError

if TYPE_CHECKING:
    import numpy as np


class DeepEvalBackend(ABC):
    """One model file, evaluated by one framework.

    ``__init__`` takes the file's path and keyword arguments that it may ignore (``auto_batch_size``,
    ``neighbor_list``, ``head``).
    """

    @abstractmethod
    def __init__(self, model_file: str, **kwargs: Any) -> None: ...

    @abstractmethod
    def eval(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        atomic: bool = False,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> dict[str, np.ndarray]:
        """Evaluates the frames given, all at once (the caller splits them to fit the memory).

        Parameters
        ----------
        coords : (nframes, natoms, 3) float64 [Å]
        cells : (nframes, 3, 3) float64 [Å] or None
            Rows are cell vectors; None: open boundaries.
        atom_types : (nframes, natoms) int64
            -1: virtual atom.
        atomic : bool
            Whether atomic energies and virials are wanted.
        fparam : (nframes, dim_fparam) or None
        aparam : (nframes, natoms, dim_aparam) or None

        Returns
        -------
        dict[str, np.ndarray]
            ``energy`` (nframes, 1) [eV], ``force`` (nframes, natoms, 3) [eV/Å], ``virial`` (nframes, 9) [eV], and
            where atomic ``atom_energy`` (nframes, natoms, 1), ``atom_virial`` (nframes, natoms, 9).
        """

    @abstractmethod
    def eval_descriptor(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """The descriptor of each atom, (nframes, natoms, dim_descrpt)."""

    @abstractmethod
    def get_rcut(self) -> float:
        """Cut-off radius [Å]."""

    @abstractmethod
    def get_type_map(self) -> list[str]:
        """Names of the types."""

    @abstractmethod
    def get_dim_fparam(self) -> int: ...

    @abstractmethod
    def get_dim_aparam(self) -> int: ...

    @abstractmethod
    def get_model_def_script(self) -> dict:
        """The model section that the model was built from, as far as the file knows it."""

    @abstractmethod
    def serialize(self) -> dict:
        """The contract's document of the model."""

    @property
    def model_type(self) -> str:
        """Kind of the model: its output variable, ``energy`` for a potential."""
        return "energy"

    def get_ntypes(self) -> int:
        return len(self.get_type_map())

    def get_sel_type(self) -> list[int]:
        """Types with an output; all of them for a potential."""
        return list(range(self.get_ntypes()))

    def has_default_fparam(self) -> bool:
        return False

    def get_ntypes_spin(self) -> int:
        return 0

    def get_has_spin(self) -> bool:
        return False

    def get_model_size(self) -> dict[str, int]:
        """Number of parameters of ``descriptor``, ``fitting-net`` and ``total``."""
        raise BackendError(f"{type(self).__name__} does not count parameters.")

    def get_observed_types(self) -> dict[str, Any]:
        """The types met in the training data."""
        names = self.get_type_map()
        return {"type_num": len(names), "observed_type": sorted(names)}

    def close(self) -> None:  # noqa: B027  most have nothing to free beyond their memory
        """Frees the model."""
