# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small models of the conformance suite's table, as files of this backend and in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import write_document
from deepmd.outputs import all_terms
from deepmd_dp.conformance.cases import CASES, Case
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_tf import frozen
from deepmd_tf.deep_eval import TensorFlowDeepEval

if TYPE_CHECKING:
    from pathlib import Path


def case(name: str) -> Case:
    return next(each for each in CASES if each.name == name)


class Pair:
    """A frozen model and the same in NumPy."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.document = random_document(case(name))
        self.path = folder / "model.pb"
        frozen.write(str(self.path), self.document)
        write_document(folder / "model.dp", self.document)
        self.numpy = NumpyDeepEval(str(folder / "model.dp"))
        self.tensorflow = TensorFlowDeepEval(str(self.path))
        self.terms = {term.name for term in all_terms(self.numpy.outputs)}

    @property
    def model(self) -> Any:
        """In NumPy."""
        return self.numpy._numpy_model

    def compare(self, *frames: Any, **parameters: Any) -> dict[str, np.ndarray]:
        """Evaluates both and compares all terms."""
        results = self.tensorflow.eval(*frames, atomic=True, **parameters)
        expected = self.numpy.eval(*frames, atomic=True, **parameters)
        assert set(results) == set(expected) == self.terms
        for name, array in expected.items():
            assert results[name].dtype == np.float64
            assert results[name].shape == array.shape
            assert np.abs(results[name] - array).max(initial=0.0) < 1e-12, name
        return results
