# SPDX-License-Identifier: LGPL-3.0-or-later
"""The native engine for Python: models that it covers, computed in C++ without a framework."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract import safetensors_file
from deepmd.errors import InputError
from deepmd.outputs import TERM_KINDS, OutputDef
from deepmd_dp.dialect.array import Float
from deepmd_dp.kit.threads import number_of_threads
from deepmd_dp.native.library import EngineError, NotCoveredError
from deepmd_dp.native.model import Model
from deepmd_dp.neighbor.frame import check_frame

if TYPE_CHECKING:
    from deepmd.aliases import Document
    from deepmd_dp.environment.expansion import Frames


class NativeEngine:
    """A model in C++; it gives what `deepmd_dp.model.evaluate.evaluate` gives.

    Parameters
    ----------
    document : Document
    output : OutputDef
        What the model gives.

    Raises
    ------
    NotCoveredError
        The model is of a kind that the engine does not compute.
    """

    def __init__(self, document: Document, output: OutputDef, ntypes: int) -> None:
        self._model = Model(safetensors_file.to_bytes({"model": document["model"]}), number_of_threads())
        self._lock = Lock()  # it computes in memory of its own, and lets other threads of Python run meanwhile
        self._output = output
        self._ntypes = ntypes

    def evaluate(
        self, frames: Frames, fparam: Float[np.ndarray, "nframes nfparam"] | None, *, atomic: bool
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        """All terms of frames by name; with the values and virials of the atoms where atomic."""
        nframes, nall = frames.atype.shape
        nloc = nall if frames.mapping is None else frames.nloc
        found = [self._evaluate_frame(frames, fparam, f, nloc, atomic) for f in range(nframes)]
        sizes = {"nframes": nframes, "nloc": nloc, "nall": nall}
        terms = {}
        for term in self._output.terms(atomic=atomic):
            flat = [frame[TERM_KINDS.index(term.kind)] for frame in found]
            terms[term.name] = np.reshape(flat, [sizes[axis] if isinstance(axis, str) else axis for axis in term.axes])
        return terms

    def _evaluate_frame(
        self, frames: Frames, fparam: np.ndarray | None, f: int, nloc: int, atomic: bool
    ) -> tuple[np.ndarray, ...]:
        """The terms of one frame as flat arrays, in the order of `TERM_KINDS`."""
        frame = check_frame(frames.coord[f], _row(frames.box, f), frames.atype[f], None, self._ntypes)
        parameters = _row(fparam, f), _row(frames.inputs["aparam"], f)
        try:
            with self._lock:
                return self._model.compute(frame, nloc, *parameters, atomic=atomic)
        except EngineError as error:
            raise InputError(str(error)) from error


def open_engine(document: Document, outputs: tuple[OutputDef, ...], ntypes: int) -> NativeEngine | None:
    """The engine for a document's model; None where it does not cover it."""
    try:
        return NativeEngine(document, outputs[0], ntypes)
    except NotCoveredError:
        return None


def _row(array: np.ndarray | None, frame: int) -> np.ndarray | None:
    return None if array is None else np.ascontiguousarray(array[frame], dtype=np.float64)
