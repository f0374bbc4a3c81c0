# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation without a framework: by the native engine, or by NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract import read_document
from deepmd_dp.dialect.array import Array, Float, Int, Shaped
from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.model.evaluate import Function, Outputs, Vectors
from deepmd_dp.numpy_backend.derivative import derivative
from deepmd_dp.numpy_backend.engine import open_engine

if TYPE_CHECKING:
    from deepmd.aliases import Document
    from deepmd_dp.environment.environment import Environment


class NumpyDeepEval(BaseDeepEval):
    """A `.dp`, `.yaml` or `.safetensors` file, forces and virials included.

    Parameters
    ----------
    native : bool
        Leave models that the native engine covers to it; else NumPy, whose numbers are the same, evaluates all.
    """

    def __init__(self, model_file: str, native: bool = True, **kwargs: object) -> None:
        super().__init__(model_file, **kwargs)
        model = self._numpy_model
        is_native = native and model.expansion is None
        self._engine = open_engine(self._document, model.outputs, model.ntypes) if is_native else None

    def read_document(self, path: str) -> Document:
        return read_document(path)

    def from_numpy(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[np.ndarray, "*axes"]:
        return array

    def to_numpy(self, array: Shaped[Array, "*axes"]) -> Shaped[np.ndarray, "*axes"]:
        return np.asarray(array)

    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[Outputs, list[Vectors]]:
        return derivative(function, edge_vec)

    # numbers are checked where they are results: no warnings on the way
    @np.errstate(all="ignore")
    def compute(
        self,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
        *,
        atomic: bool,
        derivatives: bool,
    ) -> dict[str, Float[Array, "nframes ..."]]:
        return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)

    @np.errstate(all="ignore")
    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        return super().describe(env)

    def eval(
        self,
        coords: Float[np.ndarray, "nframes natoms 3"],
        cells: Float[np.ndarray, "nframes 3 3"] | None,
        atom_types: Int[np.ndarray, "nframes natoms"],
        atomic: bool = False,
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes natoms naparam"] | None = None,
        derivatives: bool = True,
        spin: Float[np.ndarray, "nframes natoms 3"] | None = None,
        charge_spin: Float[np.ndarray, "nframes 2"] | None = None,
        **kwargs: object,
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        if self._engine is None:
            return super().eval(coords, cells, atom_types, atomic, fparam, aparam, derivatives, spin, charge_spin)
        found = self._engine.evaluate(coords, cells, atom_types, fparam, aparam, atomic=atomic)
        return {term.name: found[term.name] for term in self._terms(atomic=atomic, derivatives=derivatives)}

    def eval_with_ghosts(
        self,
        coords: Float[np.ndarray, "nframes nall 3"],
        atom_types: Int[np.ndarray, "nframes nall"],
        mapping: Int[np.ndarray, "nframes nall"],
        nloc: int,
        atomic: bool = False,
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes nloc naparam"] | None = None,
        charge_spin: Float[np.ndarray, "nframes 2"] | None = None,
    ) -> dict[str, Float[np.ndarray, "nframes ..."]] | None:
        if self._engine is None:
            return super().eval_with_ghosts(coords, atom_types, mapping, nloc, atomic, fparam, aparam, charge_spin)
        return self._engine.evaluate(coords, None, atom_types, fparam, aparam, atomic=atomic, nloc=nloc)
