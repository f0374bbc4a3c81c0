# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the table with random weights and statistics, as documents of the contract."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import map_arrays, new_document
from deepmd.schema import normalize
from deepmd_dp.dialect.module import modules, with_leaves
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.model import new_model

if TYPE_CHECKING:
    from deepmd.aliases import Document, Section
    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.interface import Model


def full_input(case: Case, **sections: Section) -> dict[str, Any]:
    """A normalised input that trains the case's model; `sections` replace or complete the others."""
    given = {
        "model": case.section(),
        "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-8},
        "training": {"training_data": {"systems": ["none"]}, "numb_steps": 100, "seed": 1},
        "loss": {},
    }
    return normalize(given | sections)


@cache
def random_document(case: Case) -> dict[str, Any]:
    """The case's model with the weights of its first step and statistics unlike the neutral ones."""
    section = full_input(case)["model"]
    rng = np.random.default_rng(7)
    tree: Document = _random_statistics(new_model(section, rng), rng).serialize()
    inner = tree.get("backbone_model", tree)
    for part in inner.get("models", [inner]):
        if "fitting" in part:
            _fill_fitting(part["fitting"]["@variables"], rng)
    arrays = inner["@variables"]
    arrays["out_bias"] = rng.normal(size=arrays["out_bias"].shape)
    arrays["out_std"] = rng.uniform(0.5, 1.5, size=arrays["out_std"].shape)
    return new_document(tree, backend="DP", model_def_script=section)


def _random_statistics(model: Model, rng: np.random.Generator) -> Model:
    """Statistics as those of data: the same for all slots, and for the three directions."""
    changes: dict[str, np.ndarray] = {}
    for path, matrix in modules(model, EnvironmentMatrix):
        size = (model.ntypes, 1)
        mean, angular = np.zeros(matrix.davg.shape), rng.uniform(0.2, 0.5, size)
        deviation = np.repeat(angular, matrix.columns, axis=1)
        deviation[:, :1] = rng.uniform(0.2, 0.5, size)
        if not matrix.set_davg_zero:
            mean[:, :1] = rng.uniform(0.1, 0.4, size)
        statistics = {f"{path}.davg": mean, f"{path}.dstd": deviation}
        changes |= {name: array.astype(matrix.davg.dtype) for name, array in statistics.items()}
    return with_leaves(model, changes)


def _fill_fitting(variables: dict[str, Any], rng: np.random.Generator) -> None:
    for name in ("fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std"):
        if variables[name] is not None:
            variables[name] = rng.uniform(0.5, 1.5, variables[name].shape).astype(variables[name].dtype)


def in_double(document: dict[str, Any]) -> dict[str, Any]:
    """The same model computed in float64: a float32 model's reference."""
    double: Document = map_arrays(document, lambda array: array.astype(np.float64))
    _set_precision(double["model"])
    return double


def _set_precision(tree: Any) -> None:
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    if isinstance(tree, dict) and "precision" in tree:
        tree["precision"] = "float64"
    for item in items:
        _set_precision(item)
