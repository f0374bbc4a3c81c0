# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the table as files of the backends, and what they give."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from documents import in_double, random_document
from frames import FRAMES

from deepmd.contract import write_document
from deepmd_dp.deep_eval import NumpyDeepEval

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from backends import Form
    from cases import Case

    from deepmd.infer.deep_eval import DeepEvalBackend


class Models:
    """The documents, model files and reference results of the cases, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.document = cache(random_document)
        self.evaluator = cache(self._evaluator)
        self.reference = cache(self._reference)
        self.expected = cache(self._expected)

    def _evaluator(self, case: Case, form: Form) -> DeepEvalBackend:
        """The case's model in a backend, by way of a file."""
        path = form.write(self._folder / str(id(case)), self.document(case))
        return form.backend.deep_eval(str(path))

    def _reference(self, case: Case) -> DeepEvalBackend:
        """The case's model in NumPy and float64, whatever its own precision."""
        path = self._folder / f"{id(case)}-reference.safetensors"
        write_document(path, in_double(self.document(case)))
        return NumpyDeepEval(str(path))

    def _expected(self, case: Case, frames: str) -> dict[str, np.ndarray]:
        return evaluate(self.reference(case), frames)


def evaluate(model: DeepEvalBackend, frames: str) -> dict[str, Any]:
    """All that a model gives for a set of frames, the descriptor among it."""
    chosen, parameters = FRAMES[frames], parameters_of(model, frames)
    results = model.eval(chosen.coords, chosen.cells, chosen.atom_types, atomic=True, **parameters)
    results["descriptor"] = model.eval_descriptor(chosen.coords, chosen.cells, chosen.atom_types, **parameters)
    return results


def parameters_of(model: DeepEvalBackend, frames: str) -> dict[str, np.ndarray]:
    """Frame and atomic parameters that the model must be given; it is left to its defaults where it has any."""
    dim_fparam = 0 if model.has_default_fparam() else model.get_dim_fparam()
    return FRAMES[frames].parameters(dim_fparam, model.get_dim_aparam())
