# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation of a model of this library, up to what each framework does in its own way."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd_dp.dialect.module import leaves, map_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.derivatives import energy_terms, force_terms

if TYPE_CHECKING:
    from deepmd_dp.dialect.module import Array
    from deepmd_dp.environment.environment import Environment


class BaseDeepEval(DeepEvalBackend):
    """A model file evaluated by a framework, which a subclass tells how to run it."""

    def __init__(self, model_file: str, **kwargs: Any) -> None:
        del kwargs  # options of deepmd-kit that change nothing here: batching is the caller's, lists are O(N) always
        self._document = self.read_document(model_file)
        self._numpy_model = deserialize_model(self._document["model"])

    @abstractmethod
    def read_document(self, path: str) -> dict:
        """The contract's document of the file."""

    @abstractmethod
    def from_numpy(self, array: np.ndarray) -> Array:
        """The framework's array of these numbers, on the device used."""

    @abstractmethod
    def to_numpy(self, array: Array) -> np.ndarray:
        """The inverse of `from_numpy`."""

    @abstractmethod
    def energy_and_gradient(
        self, model: Any, env: Environment, fparam: Array | None, aparam: Array | None
    ) -> tuple[Array, tuple[Array, ...]]:
        """Atomic energies (nframes, nloc, 1) [eV] and dE/d(edge_vec), block by block [eV/Å]."""

    @cached_property
    def _model(self) -> Any:
        return self._to_framework(self._numpy_model)

    def _to_framework(self, tree: Any) -> Any:
        return map_leaves(tree, lambda _, array: self.from_numpy(array))

    def environment(self, coords: np.ndarray, cells: np.ndarray | None, atom_types: np.ndarray) -> Environment:
        """The surroundings of the atoms, in NumPy; a subclass may pad them."""
        return build_environment(self._numpy_model, coords, cells, atom_types)

    def _environment(self, coords: np.ndarray, cells: np.ndarray | None, atom_types: np.ndarray) -> Environment:
        return self._to_framework(self.environment(coords, cells, atom_types))

    def compute(self, env: Environment, fparam: Array | None, aparam: Array | None, atomic: bool) -> dict[str, Array]:
        """Energy, force, virial of framework arrays; a frozen file's own graph takes the place of this."""
        return self.terms_of(self._model, env, fparam, aparam, atomic)

    def terms_of(
        self, model: Any, env: Environment, fparam: Array | None, aparam: Array | None, atomic: bool
    ) -> dict[str, Array]:
        """The same of a model whose leaves are framework arrays; runs eagerly or traced."""
        energy, gradient = self.energy_and_gradient(model, env, fparam, aparam)
        return energy_terms(energy) | force_terms(env, gradient, virial=True, atomic=atomic)

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
        del kwargs
        env = self._environment(coords, cells, atom_types)
        terms = self.compute(env, self._optional(fparam), self._optional(aparam), atomic)
        if not atomic:
            terms.pop("atom_energy", None)
        return {name: self.to_numpy(array) for name, array in terms.items()}

    def eval_descriptor(
        self,
        coords: np.ndarray,
        cells: np.ndarray | None,
        atom_types: np.ndarray,
        fparam: np.ndarray | None = None,
        aparam: np.ndarray | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        del fparam, aparam, kwargs
        return self.to_numpy(self._model.descriptor(self._environment(coords, cells, atom_types)))

    def _optional(self, array: np.ndarray | None) -> Array | None:
        return None if array is None else self.from_numpy(np.asarray(array, dtype=np.float64))

    def get_rcut(self) -> float:
        return self._numpy_model.rcut

    def get_type_map(self) -> list[str]:
        return list(self._numpy_model.type_map)

    def get_dim_fparam(self) -> int:
        return self._numpy_model.fitting.numb_fparam

    def get_dim_aparam(self) -> int:
        return self._numpy_model.fitting.numb_aparam

    def has_default_fparam(self) -> bool:
        return self._numpy_model.fitting.default_fparam is not None

    def get_sel_type(self) -> list[int]:
        excluded = self._numpy_model.atom_exclude_types
        return [t for t in range(self.get_ntypes()) if t not in excluded]

    def get_model_def_script(self) -> dict:
        return self._document.get("model_def_script", {})

    def get_model_size(self) -> dict[str, int]:
        sizes: Counter[str] = Counter()
        for path, array, trained in leaves(self._numpy_model):
            if trained:
                sizes["descriptor" if path.startswith("descriptor") else "fitting-net"] += array.size
        return {**sizes, "total": sum(sizes.values())}

    def serialize(self) -> dict:
        return self._document

    def close(self) -> None:
        """Frees the model at once; the object is of no use afterwards."""
        self.__dict__.clear()
