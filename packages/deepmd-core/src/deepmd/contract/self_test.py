# SPDX-License-Identifier: LGPL-3.0-or-later
"""The self-test in a model file: a few atoms with the energy, force and virial that the model gave.

Whoever loads a copied or converted file can have it prove itself. The entry ``self_test`` of a document holds
one frame: ``coord`` (1, natoms, 3) [Å], ``box`` (1, 3, 3) [Å], ``atype`` (1, natoms), where the model takes them
``fparam`` and ``aparam``, and the results: ``energy`` (1, 1) [eV], ``force`` (1, natoms, 3) [eV/Å], ``virial``
(1, 9) [eV].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract.arrays import VARIABLES, check_class, take_array
from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.infer.deep_eval import DeepEvalBackend

UNITS = {"energy": "eV", "force": "eV/Å", "virial": "eV"}
"""The results compared, and their units."""
TOLERANCE = {"float64": 1e-9, "default": 1e-9, "float32": 1e-4, "float16": 5e-2, "bfloat16": 5e-2}
"""Precision of the coarsest module to the largest difference accepted, relative to the largest result or `FLOOR`."""
FLOOR = 0.1
"""Results below this [eV or eV/Å] are compared as if they were as large: what remains is rounding of larger numbers."""
FPARAM_VALUE = 0.5
SHEAR = np.array([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0], [0.1, -0.15, 1.0]])
MIN_ATOMS = 8


def make_self_test(deep_eval: DeepEvalBackend) -> dict[str, Any]:
    """The self-test of a loaded model, ready to be put in its document."""
    frame = _frame(deep_eval)
    results = _evaluate(deep_eval, frame)
    return {"@class": "SelfTest", "@version": 1, VARIABLES: frame | results}


def verify(deep_eval: DeepEvalBackend, document: dict) -> dict[str, float]:
    """The largest differences between what a loaded model gives and what its document promises.

    Parameters
    ----------
    deep_eval : DeepEvalBackend
        The model as loaded.
    document : dict
        The document with the self-test; its model tells the precision.

    Returns
    -------
    dict[str, float]
        Largest absolute difference of ``energy`` [eV], ``force`` [eV/Å] and ``virial`` [eV].

    Raises
    ------
    ModelFileError
        Where the document has no self-test, or a difference is over the tolerance of the precision.
    """
    frame, expected = _promised(document)
    results = _evaluate(deep_eval, frame)
    differences = {key: float(np.max(np.abs(results[key] - expected[key]))) for key in UNITS}
    tolerance = tolerance_of(document["model"])
    for key, difference in differences.items():
        allowed = tolerance * max(FLOOR, float(np.max(np.abs(expected[key]))))
        # negated, so that a NaN fails too
        if not difference <= allowed:
            raise ModelFileError(
                f"the self-test fails: {key} differs by {difference:.3g} where {allowed:.3g} is allowed; "
                "the file is damaged or this backend computes another model: do not use it."
            )
    return differences


def describe(differences: dict[str, float]) -> str:
    """The differences as text: ``energy 1.1e-13 eV, force 3.5e-15 eV/Å, virial 2.1e-14 eV``."""
    return ", ".join(f"{key} {value:.1e} {UNITS[key]}" for key, value in differences.items())


def tolerance_of(model: dict) -> float:
    """The relative tolerance for a model: that of its coarsest ``precision``."""
    return max((TOLERANCE.get(precision, 0.0) for precision in _precisions(model)), default=TOLERANCE["float64"])


def _precisions(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("precision"), str):
            yield tree["precision"]
        for value in tree.values():
            yield from _precisions(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _precisions(value)


def _frame(deep_eval: DeepEvalBackend) -> dict[str, np.ndarray]:
    """A triclinic cell with at least two atoms of each type on a jittered grid.

    The spacing is half the cut-off: about 34 neighbors each, at distances above a quarter of the cut-off.
    """
    ntypes = deep_eval.get_ntypes()
    natoms = max(MIN_ATOMS, 2 * ntypes)
    side = int(np.ceil(round(natoms ** (1 / 3), 6)))
    spacing = 0.5 * deep_eval.get_rcut()
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:natoms]
    jitter = np.random.default_rng(20190106).uniform(-0.2, 0.2, grid.shape)
    frame = {
        "coord": ((grid + jitter) @ SHEAR * spacing)[None],
        "box": (SHEAR * spacing * side)[None],
        "atype": (np.arange(natoms, dtype=np.int64) % ntypes)[None],
    }
    if deep_eval.get_dim_fparam() > 0:
        frame["fparam"] = np.full((1, deep_eval.get_dim_fparam()), FPARAM_VALUE)
    if deep_eval.get_dim_aparam() > 0:
        frame["aparam"] = np.full((1, natoms, deep_eval.get_dim_aparam()), FPARAM_VALUE)
    return frame


def _evaluate(deep_eval: DeepEvalBackend, frame: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    results = deep_eval.eval(
        frame["coord"], frame["box"], frame["atype"], fparam=frame.get("fparam"), aparam=frame.get("aparam")
    )
    return {key: np.asarray(results[key], dtype=np.float64) for key in UNITS}


def _promised(document: dict) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The frame and the results in a document's self-test, checked."""
    data = document.get("self_test")
    if data is None:
        raise ModelFileError("the file has no self-test: it was not written by deepmd-core; convert it to get one.")
    check_class(data, "SelfTest", 1, 1)
    variables = data.get(VARIABLES, {})
    natoms = take_array(variables, "atype", (1, -1), where="self_test").shape[1]
    shapes = {"coord": (1, natoms, 3), "box": (1, 3, 3), "atype": (1, natoms)}
    optional = {"fparam": (1, -1), "aparam": (1, natoms, -1)}
    results = {"energy": (1, 1), "force": (1, natoms, 3), "virial": (1, 9)}
    frame = {key: take_array(variables, key, shape, where="self_test") for key, shape in shapes.items()}
    for key, shape in optional.items():
        frame[key] = take_array(variables, key, shape, where="self_test", optional=True)
    return frame, {key: take_array(variables, key, shape, where="self_test") for key, shape in results.items()}
