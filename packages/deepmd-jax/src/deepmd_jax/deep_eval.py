# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation by JAX: checkpoints by a program compiled from the model, frozen files by their own graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.kit.padding import Padding, pad_atoms
from deepmd_dp.kit.signature import Signature
from deepmd_jax import arrays, frozen
from deepmd_jax.arrays import full_precision
from deepmd_jax.compile_cache import use_compile_cache
from deepmd_jax.compiled import Compiled
from deepmd_jax.derivative import derivative
from deepmd_jax.device import device_name
from deepmd_jax.pytree import register_modules

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.kit.deep_eval import Parameters
    from deepmd_dp.model.evaluate import Function, Vectors


class JaxDeepEval(BaseDeepEval):
    """A `.hlo`, `.xlo`, `.savedmodel` or `.jax` file, evaluated for a few common sizes only."""

    device_name = staticmethod(device_name)
    compiles_sizes = True
    breaks_on_fork = "JAX"
    _graph: frozen.Graph | None = None

    def __init__(self, model_file: str, **kwargs: object) -> None:
        use_compile_cache()
        super().__init__(model_file, **kwargs)
        register_modules()
        self._padding = Padding(self._numpy_model, with_frames=True)
        self._signature = Signature.of(self._numpy_model)
        self._compiled = Compiled(self.terms_of, static_argnames=("atomic", "derivatives"))
        self._compiled_descriptor = Compiled(lambda model, env: model.describe(env))

    def read_document(self, path: str) -> dict:
        if not frozen.has_graph(path):
            return frozen.read_any(path)
        self._graph = frozen.load(path)
        return self._graph.document

    def from_numpy(self, array: np.ndarray) -> jax.Array:
        return arrays.from_numpy(array)

    def to_numpy(self, array: jax.Array) -> np.ndarray:
        return arrays.to_numpy(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[dict[str, jax.Array], list[Vectors]]:
        return derivative(function, edge_vec)

    def pad(self, env: Environment, parameters: Parameters) -> tuple[Environment, Parameters]:
        padded = self._padding.pad(env)
        given = {name: np.asarray(each) for name, each in parameters.items() if each is not None}
        return padded, parameters | {name: pad_atoms(each, padded) for name, each in given.items()}

    @full_precision()
    def compute(
        self, env: Environment, fparam: jax.Array | None, aparam: jax.Array | None, *, atomic: bool, derivatives: bool
    ) -> dict[str, jax.Array] | dict[str, np.ndarray]:
        if self._graph is None:
            return self._compiled(self._model, env, fparam, aparam, atomic=atomic, derivatives=derivatives)
        wanted = tuple(term.name for term in self._terms(atomic=atomic, derivatives=derivatives))
        return self._graph(self._signature.pack(env, fparam, aparam), wanted)

    @full_precision()
    def describe(self, env: Environment) -> jax.Array:
        return self._compiled_descriptor(self._model, env)
