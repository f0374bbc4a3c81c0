# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small models of the conformance suite's table, as files of this backend and in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import write_document
from deepmd_dp.conformance.cases import CASES, Case
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_pd import frozen
from deepmd_pd.deep_eval import PaddleDeepEval

if TYPE_CHECKING:
    from pathlib import Path


def case(name: str) -> Case:
    return next(each for each in CASES if each.name == name)


class Pair:
    """A frozen model and the same in NumPy."""

    def __init__(self, folder: Path, name: str) -> None:
        self.document = random_document(case(name))
        self.path = folder / "model.json"
        frozen.write(str(self.path), self.document)
        write_document(folder / "model.dp", self.document)
        self.numpy = NumpyDeepEval(str(folder / "model.dp"))
        self.paddle = PaddleDeepEval(str(self.path))

    def compare(self, *frames: Any, tolerance: float = 1e-12, **parameters: Any) -> dict[str, np.ndarray]:
        """Evaluates both and compares all quantities."""
        results = self.paddle.eval(*frames, atomic=True, **parameters)
        expected = self.numpy.eval(*frames, atomic=True, **parameters)
        assert set(results) == set(expected) == {"energy", "force", "virial", "atom_energy", "atom_virial"}
        for name, array in expected.items():
            assert results[name].dtype == np.float64
            assert results[name].shape == array.shape
            assert np.abs(results[name] - array).max(initial=0.0) < tolerance, name
        return results
