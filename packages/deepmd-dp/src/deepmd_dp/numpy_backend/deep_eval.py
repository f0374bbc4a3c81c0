# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation without a framework: by the native engine, or by NumPy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract import read_document
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Shaped
from deepmd_dp.kit.deep_eval import BaseDeepEval
from deepmd_dp.model.evaluate import Function, Outputs, Vectors
from deepmd_dp.numpy_backend.derivative import derivative
from deepmd_dp.numpy_backend.engine import open_engine

if TYPE_CHECKING:
    from deepmd.aliases import Document
    from deepmd.outputs import TermDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.environment.expansion import Frames
    from deepmd_dp.numpy_backend.engine import NativeEngine


class NumpyDeepEval(BaseDeepEval):
    """A `.dp`, `.yaml` or `.safetensors` file, forces and virials included.

    Parameters
    ----------
    native : bool
        Leave models that the native engine covers to it; else NumPy, whose numbers are the same, evaluates all.
    """

    def __init__(self, model_file: str, native: bool = True, **kwargs: object) -> None:
        super().__init__(model_file, **kwargs)
        self._native = native

    @cached_property
    def _engine(self) -> NativeEngine | None:
        """Made when first wanted: it looks for its nets' matrices, which takes longer than all else of opening."""
        model = self._numpy_model
        if not self._native or model.expansion is not None:
            return None
        return open_engine(self._document, model.outputs, model.ntypes)

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
        self, env: Environment, fparam: FrameParameters, aparam: AtomParameters, *, atomic: bool, derivatives: bool
    ) -> dict[str, Float[Array, "nframes ..."]]:
        return super().compute(env, fparam, aparam, atomic=atomic, derivatives=derivatives)

    @np.errstate(all="ignore")
    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        return super().describe(env)

    def evaluate_frames(
        self, frames: Frames, fparam: Float[np.ndarray, "nframes nfparam"] | None, terms: tuple[TermDef, ...]
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        if self._engine is None:
            return super().evaluate_frames(frames, fparam, terms)
        found = self._engine.evaluate(frames, fparam, atomic=any(term.kind.startswith("atom") for term in terms))
        return {term.name: found[term.name] for term in terms}
