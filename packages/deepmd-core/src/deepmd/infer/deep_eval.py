# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the inference API asks of a backend: evaluate frames, and say what the model is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from deepmd.contract.summary import model_size, observed_types
from deepmd.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from deepmd.outputs import OutputDef


class DeepEvalBackend(ABC):
    """One model file, evaluated by one framework.

    ``__init__`` takes the file's path and keyword arguments that it may ignore (``auto_batch_size``,
    ``neighbor_list``, ``head``).
    """

    @abstractmethod
    def __init__(self, model_file: str, **kwargs: Any) -> None: ...

    @property
    @abstractmethod
    def outputs(self) -> tuple[OutputDef, ...]:
        """What the model gives; the first one names its kind: ``energy`` is a potential."""

    @abstractmethod
    def eval(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        atomic: bool = False,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        derivatives: bool = True,
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
            Whether the values and the virials of the atoms are wanted.
        fparam : (nframes, dim_fparam) or None
        aparam : (nframes, natoms, dim_aparam) or None
        derivatives : bool
            Whether forces and virials are wanted; a backend for which they cost nothing may give them all the same.
        **kwargs
            ``spin`` (nframes, natoms, 3) [μB], where the model takes spins; ``charge_spin`` (nframes, 2), charge and
            spin of each frame, where it takes them and they are given.

        Returns
        -------
        dict[str, np.ndarray]
            The terms of `outputs` by name (`deepmd.outputs.OutputDef.terms`), all atoms being local. For a potential:
            ``energy`` (nframes, 1) [eV], ``force`` (nframes, natoms, 3) [eV/Å], ``virial`` (nframes, 9) [eV], and
            where atomic ``atom_energy`` (nframes, natoms, 1), ``atom_virial`` (nframes, natoms, 9); of a model of spins
            ``force_mag`` (nframes, natoms, 3) [eV/μB] and ``mask_mag`` (nframes, natoms, 1) too.
        """

    def eval_with_ghosts(
        self,
        coords: np.ndarray,
        atom_types: np.ndarray,
        mapping: np.ndarray,
        nloc: int,
        atomic: bool = False,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> dict[str, np.ndarray] | None:
        """Evaluates local atoms among ghosts, which is how a simulation in C++ calls a model; None: not possible.

        The self-test of a model file holds such a frame. There is no cell: images of atoms stand among the ghosts.
        Only local atoms have values; ghosts give neighbors and get forces.

        Parameters
        ----------
        coords : (nframes, nall, 3) float64 [Å]
            The local atoms, then their ghosts: all atoms within the cut-off of a local one.
        atom_types : (nframes, nall) int64
        mapping : (nframes, nall) int64
            The local atom of which each atom is an image; a local atom is its own. Only message passing needs it.
        nloc : int
            Number of local atoms.
        atomic : bool
            Whether the values and the virials of the atoms are wanted.
        fparam : (nframes, dim_fparam) or None
        aparam : (nframes, nloc, dim_aparam) or None
        **kwargs
            ``charge_spin`` (nframes, 2), where the model takes it and it is given.

        Returns
        -------
        dict[str, np.ndarray] or None
            The terms of `outputs` by name: ``force`` (nframes, nall, 3), ``atom_energy`` (nframes, nloc, 1), ...
        """
        return None

    def eval_hessian(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Second derivatives of a potential's energy by the positions, (nframes, 3 natoms, 3 natoms) [eV/Å²]."""
        raise InputError(f"{type(self).__name__} gives no Hessian.")

    def get_has_hessian(self) -> bool:
        """Whether the model was trained on Hessians."""
        return bool(self.get_model_def_script().get("hessian_mode", False))

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

    def eval_fitting_last_layer(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """What the last layer of the fitting net takes, of each atom: (nframes, natoms, width)."""
        raise InputError(f"{type(self).__name__} gives nothing from inside of a fitting net.")

    def eval_typeebd(self) -> np.ndarray:
        """The model's embedding of the types, (ntypes, width)."""
        raise InputError(f"{type(self).__name__} gives no type embedding.")

    def get_model(self) -> object:
        """The model itself, as the backend's package has it."""
        return self

    @abstractmethod
    def get_rcut(self) -> float:
        """Cut-off radius [Å]."""

    @abstractmethod
    def get_type_map(self) -> list[str]:
        """Names of the types."""

    @abstractmethod
    def get_dim_fparam(self) -> int:
        """Numbers of ``fparam`` for each frame."""

    @abstractmethod
    def get_dim_aparam(self) -> int:
        """Numbers of ``aparam`` for each atom."""

    @abstractmethod
    def get_model_def_script(self) -> dict[str, Any]:
        """The model section that the model was built from, as far as the file knows it."""

    @abstractmethod
    def serialize(self) -> dict[str, Any]:
        """The contract's document of the model."""

    @property
    def model_type(self) -> str:
        """Kind of the model: that of its first output, ``energy`` for a potential."""
        return self.outputs[0].kind or self.outputs[0].name

    def get_ntypes(self) -> int:
        """Number of types."""
        return len(self.get_type_map())

    def get_sel_type(self) -> list[int]:
        """Types whose atoms have the first output."""
        selected = self.outputs[0].selected_types
        return list(range(self.get_ntypes())) if selected is None else list(selected)

    def has_default_fparam(self) -> bool:
        """Whether ``fparam`` may be left out although the model takes it."""
        return False

    def has_chg_spin_ebd(self) -> bool:
        """Whether the model takes the charge and the spin of a frame."""
        return False

    def has_default_chg_spin(self) -> bool:
        """Whether ``charge_spin`` may be left out although the model takes it."""
        return False

    def get_ntypes_spin(self) -> int:
        """Number of types with spin, in deepmd-kit's old way of counting."""
        return 0

    def takes_fragments(self) -> bool:
        """Whether the one atomic parameter is the number of each atom's fragment, a whole one: 0 for QM atoms."""
        return False

    def takes_mask(self) -> bool:
        """Whether the one atomic parameter says which atoms are there, 1, and which only fill up, 0."""
        return False

    def get_has_spin(self) -> bool:
        """Whether the model takes spins."""
        return bool(self.get_use_spin())

    def get_use_spin(self) -> list[bool]:
        """Whether each type has a spin; empty where the model takes none."""
        return []

    def get_virtual_scale(self) -> dict[str, float]:
        """Types with spin to the distance of their virtual atoms by it [Å/μB], see `deepmd.data.virtual_spins`."""
        return {}

    def get_model_size(self) -> dict[str, int]:
        """Number of parameters of ``descriptor``, ``fitting-net`` and ``total``, trained or not."""
        return model_size(self.serialize()["model"])

    def get_bytes_per_atom(self) -> int | None:
        """Memory that each atom of a frame takes [bytes], about, its lists as full as they were made for.

        0: large frames are evaluated in parts, with which it does not grow; None: not known.
        """
        return None

    def get_observed_types(self) -> dict[str, Any]:
        """The types met in the training data: ``type_num`` and ``observed_type``, their names."""
        return observed_types(self.serialize())

    def close(self) -> None:  # noqa: B027  most have nothing to free beyond their memory
        """Frees the model."""


def __getattr__(name: str) -> object:
    """``DeepEval``, which deepmd-kit has in this module, is looked up when it is asked for: it imports this one."""
    if name != "DeepEval":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from deepmd.infer.evaluator import DeepEval

    return DeepEval
