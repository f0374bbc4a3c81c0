# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of deepmd-kit with their inputs and outputs, and the array libraries that must run them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import executed_shapes  # noqa: F401  before all else of deepmd_dp
import numpy as np
import pytest

from deepmd.contract import read_document
from deepmd.schema import normalize
from deepmd_dp.conformance.reference_numbers import FEW_NAMES, REFERENCE
from deepmd_dp.dialect.module import map_leaves, modules, with_leaves, with_modules
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.model import deserialize_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OTHER_OUTPUTS = ("dipole", "dos", "pairwise_dprc", "polar", "population", "property", "spin")
WITHOUT_CUTOFF = ("mask_nopbc",)
CASES = [name for name in FEW_NAMES if not name.startswith((*OTHER_OUTPUTS, *WITHOUT_CUTOFF))]
"""Potentials of the atoms as they are; others have files of their own, such as test_dipole.py and test_spin.py."""


@dataclass(frozen=True)
class Case:
    """A model of deepmd-kit 3.2.0, three frames of 12 atoms, and what deepmd-kit computes for them.

    `numbers` holds ``pbc_energy``, ``nopbc_energy`` etc.
    """

    name: str
    model: Any
    coord: np.ndarray
    box: np.ndarray
    atype: np.ndarray
    parameters: dict[str, np.ndarray]
    numbers: dict[str, np.ndarray]

    @property
    def path(self) -> Path:
        return REFERENCE / self.name / "model.dp"

    @property
    def tolerance(self) -> float:
        return 1e-5 if self.name.endswith("f32") else 1e-10

    def box_of(self, boundary: str) -> np.ndarray | None:
        return self.box if boundary == "pbc" else None

    def energy(self, **changes: Any) -> np.ndarray:
        """Atomic energies by NumPy, of changed inputs: model, coord, box, atype, parameters."""
        given = {"model": self.model, "coord": self.coord, "box": self.box, "atype": self.atype, **changes}
        env = build_environment(given["model"], given["coord"], given["box"], given["atype"])
        return given["model"](env, **changes.get("parameters", self.parameters))["energy"]

    @property
    def smooth_model(self) -> Any:
        """The model with statistics as data gives them: all slots alike (lists of any width), all directions alike."""
        return with_uniform_statistics(self.model)


def with_uniform_statistics(model: Any) -> Any:
    """Statistics of the first slot for all slots, and those of the first direction for all directions."""
    changes = {}
    for path, matrix in modules(model, EnvironmentMatrix):
        davg, dstd = (x[:, 0].copy() if x.ndim == 3 else x.copy() for x in (matrix.davg, matrix.dstd))
        davg[..., 1:] = 0.0
        dstd[..., 2:] = dstd[..., 1:2]
        changes |= {f"{path}.davg": davg, f"{path}.dstd": dstd}
    return with_leaves(model, changes)


def map_matrices(model: Any, function: Any) -> Any:
    """The model with each environment matrix replaced by a function of it."""
    return with_modules(model, {path: function(matrix) for path, matrix in modules(model, EnvironmentMatrix)})


def load_case(name: str) -> Case:
    with np.load(REFERENCE / name / "data.npz") as file:
        arrays = dict(file)
    model = deserialize_model(read_document(str(REFERENCE / name / "model.dp"))["model"])
    coord = arrays["coord"]
    shapes = {"fparam": (len(coord), -1), "aparam": (*coord.shape[:2], -1)}
    parameters = {key: arrays[key].reshape(shape) for key, shape in shapes.items() if key in arrays}
    atype = np.tile(arrays["atype"], (len(coord), 1))
    numbers = {key: value for key, value in arrays.items() if "pbc_" in key}
    return Case(name, model, coord, arrays["box"], atype, parameters, numbers)


@pytest.fixture(scope="session", params=CASES)
def case(request) -> Case:
    """Each of the models."""
    return load_case(request.param)


@pytest.fixture(scope="session")
def water() -> Case:
    """One model, for what does not depend on its kind."""
    return load_case("sea")


@pytest.fixture(scope="session")
def excluding() -> Case:
    """A model whose descriptor does not look at pairs of type 0."""
    return load_case("sea_exclude")


@pytest.fixture(scope="session")
def model_section() -> Callable[..., dict[str, Any]]:
    """Normalises an input's section ``model``, given by its keys."""

    def normalized(**section: Any) -> dict[str, Any]:
        training = {"training_data": {"systems": "none"}, "numb_steps": 1}
        schedule = {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-5}
        return normalize({"model": section, "learning_rate": schedule, "training": training})["model"]

    return normalized


@dataclass(frozen=True)
class Library:
    """An array library: from NumPy's arrays and back."""

    name: str
    xp: Any

    def convert(self, tree: Any) -> Any:
        return map_leaves(tree, lambda _, array: self.xp.asarray(array))

    def to_numpy(self, array: Any) -> np.ndarray:
        return array.numpy() if self.name == "torch" else np.asarray(array)


@pytest.fixture(scope="session", params=["numpy", "array_api_strict", "torch"])
def library(request) -> Library:
    """NumPy, the strictest reading of the standard, and a framework without any help of a backend."""
    xp = pytest.importorskip(request.param)
    if request.param == "array_api_strict":
        xp.set_array_api_strict_flags(boolean_indexing=False, data_dependent_shapes=False)
    return Library(request.param, xp)
