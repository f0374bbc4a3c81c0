# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by JAX: checkpoints by a program compiled from the model, frozen files by their own graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_jax import arrays, frozen
from deepmd_jax.arrays import double_precision
from deepmd_jax.compile_cache import use_compile_cache
from deepmd_jax.derivative import energy_and_gradient
from deepmd_jax.graph import inputs_of
from deepmd_jax.padding import pad, pad_environment, round_up, round_up_frames
from deepmd_jax.pytree import register_modules

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


class JaxDeepEval(BaseDeepEval):
    """A `.hlo`, `.xlo`, `.savedmodel` or `.jax` file, evaluated for a few common sizes only."""

    def __init__(self, model_file: str, **kwargs: Any) -> None:
        super().__init__(model_file, **kwargs)
        use_compile_cache()
        register_modules()
        batch_size = kwargs.get("auto_batch_size")
        if arrays.device().platform != "cpu" and hasattr(batch_size, "may_grow"):
            # a GPU says when its memory is full; a CPU's kernel kills the process instead
            batch_size.may_grow = True
        self._graph = frozen.load(model_file) if frozen.is_frozen(model_file) else None
        self._compiled = jax.jit(self.terms_of, static_argnames="atomic")
        self._compiled_descriptor = jax.jit(lambda model, env: model.descriptor(env))

    def read_document(self, path: str) -> dict:
        return frozen.read_any(path)

    def from_numpy(self, array: np.ndarray) -> jax.Array:
        return arrays.from_numpy(array)

    def to_numpy(self, array: jax.Array) -> np.ndarray:
        return arrays.to_numpy(array)

    def environment(self, coords: np.ndarray, cells: np.ndarray | None, atom_types: np.ndarray) -> Environment:
        env = super().environment(coords, cells, atom_types)
        return pad_environment(env, self._numpy_model, with_frames=True)

    def energy_and_gradient(self, model: Any, env: Environment, fparam: Any, aparam: Any) -> Any:
        return energy_and_gradient(model, env, fparam, aparam)

    @double_precision()
    def compute(self, env: Environment, fparam: Any, aparam: Any, atomic: bool) -> dict[str, Any]:
        if self._graph is None:
            return self._compiled(self._model, env, fparam, aparam, atomic=atomic)
        return self._graph(inputs_of(env, fparam, aparam, self._graph.metadata), atomic)

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
        nframes, nloc = atom_types.shape
        padded = round_up_frames(nframes, nloc), round_up(nloc)
        fparam, aparam = _padded(fparam, padded[0]), _padded(aparam, *padded)
        results = super().eval(coords, cells, atom_types, atomic, fparam, aparam, **kwargs)
        return {name: _cut(array, nframes, nloc) for name, array in results.items()}

    @double_precision()
    def eval_descriptor(
        self, coords: np.ndarray, cells: np.ndarray | None, atom_types: np.ndarray, **kwargs: Any
    ) -> np.ndarray:
        del kwargs
        env = self._environment(coords, cells, atom_types)
        return _cut(self.to_numpy(self._compiled_descriptor(self._model, env)), *atom_types.shape)


def _padded(parameters: np.ndarray | None, *size: int) -> np.ndarray | None:
    """Frame or atomic parameters with zeros for the frames and atoms that are added."""
    return None if parameters is None else pad(np.asarray(parameters), (*size, np.shape(parameters)[-1]))


def _cut(array: np.ndarray, nframes: int, nloc: int) -> np.ndarray:
    """What belongs to real frames, and, where there are three axes, to their atoms."""
    return array[:nframes, :nloc] if array.ndim == 3 else array[:nframes]
