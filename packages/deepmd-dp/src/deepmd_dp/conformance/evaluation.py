# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the table as files of the backends, and what they give."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from deepmd.contract import write_document
from deepmd_dp.conformance.documents import in_double, random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.conformance.file_kinds import FileKind


class Models:
    """The model files and reference results of the cases, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = cache(self._path)
        # tests ask for one model after the other: more of them would only fill the memory
        self.evaluator = lru_cache(maxsize=4)(self._evaluator)
        self.reference = cache(self._reference)
        self.expected = cache(self._expected)

    def _path(self, case: Case, file_kind: FileKind) -> Path:
        """The case's model as a file, in a folder of its own."""
        folder = self._folder / f"{file_kind}-{case.slug}"
        folder.mkdir()
        return file_kind.write(folder / "model", random_document(case))

    def _evaluator(self, case: Case, file_kind: FileKind) -> DeepEvalBackend:
        """The case's model in a backend, by way of a file."""
        return file_kind.backend.deep_eval(str(self.path(case, file_kind)))

    def _reference(self, case: Case) -> DeepEvalBackend:
        """The case's model in NumPy and float64, whatever its own precision."""
        path = self._folder / f"reference-{case.slug}.safetensors"
        write_document(path, in_double(random_document(case)))
        return NumpyDeepEval(str(path), native=False)

    def _expected(self, case: Case, frames: str) -> dict[str, np.ndarray]:
        return evaluate(self.reference(case), frames)


@cache
def shared_models(folder: Path) -> Models:
    """The models of a test session, whose temporary folder this is."""
    models = folder / "conformance"
    models.mkdir()
    return Models(models)


def evaluate(model: DeepEvalBackend, frames: str) -> dict[str, Any]:
    """All that a model gives for a set of frames, the descriptor among it."""
    chosen, parameters = FRAMES[frames], parameters_of(model, frames)
    results = model.eval(chosen.coords, chosen.cells, chosen.atom_types, atomic=True, **parameters)
    results["descriptor"] = model.eval_descriptor(chosen.coords, chosen.cells, chosen.atom_types, **parameters)
    return results


def parameters_of(model: DeepEvalBackend, frames: str) -> dict[str, Any]:
    """What the model must be given beside the atoms; it is left to a default of frame parameters if it has one."""
    dim_fparam = 0 if model.has_default_fparam() else model.get_dim_fparam()
    parameters = FRAMES[frames].parameters(dim_fparam, model.get_dim_aparam())
    if model.get_has_spin():
        parameters["spin"] = FRAMES[frames].spins()
    if model.has_chg_spin_ebd():
        parameters["charge_spin"] = FRAMES[frames].charges_and_spins()
    return parameters
