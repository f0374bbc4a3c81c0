# SPDX-License-Identifier: LGPL-3.0-or-later
"""The self-test in a model file: a few atoms with what the model gave for them.

Whoever loads a copied or converted file can have it prove itself. The entry ``self_test`` of a document holds
``frames``, each with ``input`` and ``results``::

    periodic   coord (1, natoms, 3) [Å], box (1, 3, 3) [Å], atype (1, natoms)
    ghosts     coord (1, nall, 3) [Å], atype (1, nall), mapping (1, nall), nloc (): the local atoms come first, and
               mapping is the local atom of which each is an image; absent where the backend has no such form
    isolated   coord (1, ntypes, 3) [Å], atype (1, ntypes): open boundaries, no neighbors

and where the model takes them ``fparam`` (1, dim), ``aparam`` (1, nloc, dim), ``spin`` (1, nloc, 3) [μB],
``charge_spin`` (1, 2). The results
are the terms of the model's outputs (`deepmd.outputs`) by name, without atomic virials. Version 1 had the
periodic frame only, its arrays and the energy, force and virial in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.contract.arrays import VARIABLES, check_class, take_array
from deepmd.contract.self_test_frames import FRAMES, INPUT_SHAPES, evaluate
from deepmd.errors import ModelFileError
from deepmd.outputs import all_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.outputs import TermDef

    Arrays = dict[str, np.ndarray]

TOLERANCE = {"float64": 1e-9, "default": 1e-9, "float32": 1e-4, "float16": 5e-2, "bfloat16": 5e-2}
"""Precision of the coarsest module to the largest difference accepted, relative to the largest result or `FLOOR`."""
FLOOR = 0.1
"""Results below this [unit of the term] are compared as if they were as large: rounding of larger numbers remains."""
VERSION = 2


class Difference(NamedTuple):
    """The largest absolute difference of a term over all frames."""

    value: float
    unit: str


class Frame(NamedTuple):
    """A frame of a self-test as read."""

    name: str
    inputs: Arrays
    results: Arrays
    is_complete: bool = True
    """Whether all terms should be there."""


def make_self_test(deep_eval: DeepEvalBackend) -> dict[str, Any]:
    """The self-test of a loaded model, ready to be put in its document."""
    terms, frames = _compared_terms(deep_eval), {}
    for name, make in FRAMES.items():
        inputs = make(deep_eval)
        results = evaluate(deep_eval, inputs)
        if results is not None:
            chosen = {key: np.asarray(results[key], dtype=np.float64) for key in terms}
            frames[name] = {"input": {VARIABLES: inputs}, "results": {VARIABLES: chosen}}
    return {"@class": "SelfTest", "@version": VERSION, "frames": frames}


def verify(
    deep_eval: DeepEvalBackend, document: dict[str, Any], tolerance: float | None = None
) -> dict[str, Difference]:
    """The largest differences between what a loaded model gives and what its document promises.

    A frame with ghosts is passed over by a backend that has no form for them.

    Parameters
    ----------
    deep_eval : DeepEvalBackend
        The model as loaded.
    document : dict[str, Any]
        The document with the self-test; its model tells the precision.
    tolerance : float, optional
        Relative to the largest result of a term, or to `FLOOR`; None: that of the precision.

    Returns
    -------
    dict[str, Difference]
        Of each term: ``energy``, ``force``, ``virial``, ...

    Raises
    ------
    ModelFileError
        Where the document has no self-test, it is of a model with other outputs, or a difference is over the
        tolerance.
    """
    if tolerance is None:
        tolerance = tolerance_of(document["model"])
    terms, largest = _compared_terms(deep_eval), dict[str, Difference]()
    for frame in read_self_test(document):
        results = evaluate(deep_eval, frame.inputs)
        if results is None:
            continue
        _check_names(frame, terms)
        for key, expected in frame.results.items():
            difference = _compare(key, np.asarray(results[key]), expected, tolerance, frame.name)
            before = largest.get(key, Difference(0.0, terms[key].unit))
            largest[key] = before._replace(value=max(before.value, difference))
    return largest


def describe(differences: dict[str, Difference]) -> str:
    """The differences as text: ``energy 1.1e-13 eV, force 3.5e-15 eV/Å, virial 2.1e-14 eV``."""
    return ", ".join(f"{key} {value:.1e} {unit}".rstrip() for key, (value, unit) in differences.items())


def tolerance_of(model: dict[str, Any]) -> float:
    """The relative tolerance for a model: that of its coarsest ``precision``."""
    return max((TOLERANCE.get(precision, 0.0) for precision in _precisions(model)), default=TOLERANCE["float64"])


def read_self_test(document: dict[str, Any]) -> list[Frame]:
    """The frames of a document's self-test, their shapes checked.

    Raises
    ------
    ModelFileError
        There is no self-test, it is damaged, or it was written by a newer version.
    """
    data = document.get("self_test")
    if data is None:
        raise ModelFileError("the file has no self-test: it was not written by deepmd-core; convert it to get one.")
    check_class(data, "SelfTest", 1, VERSION)
    if data["@version"] == 1:
        variables = data.get(VARIABLES, {})
        results = {key: take_array(variables, key, shape, where="self_test") for key, shape in _VERSION_1.items()}
        return [Frame("periodic", _read_inputs(variables, "self_test"), results, is_complete=False)]
    return [_read_frame(name, data["frames"][name]) for name in data.get("frames", {})]


_VERSION_1: dict[str, tuple[int, ...]] = {"energy": (1, 1), "force": (1, -1, 3), "virial": (1, 9)}


def _compared_terms(deep_eval: DeepEvalBackend) -> dict[str, TermDef]:
    """Terms by name, those of whole frames first; atomic virials would make the file large and tell little more."""
    terms = [term for term in all_terms(deep_eval.outputs) if term.kind != "atom_virial"]
    return {term.name: term for term in sorted(terms, key=lambda term: term.kind == "atom")}


def _read_frame(name: str, data: dict[str, Any]) -> Frame:
    where = f"self_test, frame {name}"
    results = data.get("results", {}).get(VARIABLES, {})
    return Frame(
        name,
        _read_inputs(data.get("input", {}).get(VARIABLES, {}), where),
        {key: take_array(results, key, np.shape(results[key]), where=where) for key in results},
    )


def _read_inputs(variables: dict[str, Any], where: str) -> Arrays:
    natoms = take_array(variables, "atype", (1, -1), where=where).shape[1]
    inputs = {}
    for key, axes in INPUT_SHAPES.items():
        if key in variables or key in ("coord", "atype"):
            shape = [natoms if isinstance(axis, str) else axis for axis in axes]
            inputs[key] = take_array(variables, key, shape, where=where)
    return inputs


def _check_names(frame: Frame, terms: dict[str, TermDef]) -> None:
    """Raises ModelFileError where the model gives other terms than those promised."""
    missing = terms.keys() - frame.results.keys() if frame.is_complete else set()
    if missing or frame.results.keys() - terms.keys():
        raise ModelFileError(
            f"self_test, frame {frame.name}: it has {', '.join(sorted(frame.results))} where the model gives "
            f"{', '.join(terms)}; the file is damaged."
        )


def _compare(key: str, result: np.ndarray, expected: np.ndarray, tolerance: float, frame: str) -> float:
    """The largest difference; ModelFileError where it is over the tolerance."""
    if result.shape != expected.shape:
        raise ModelFileError(f"the self-test fails: {key} has shape {result.shape}; {expected.shape} is expected.")
    difference = float(np.max(np.abs(result - expected), initial=0.0))
    allowed = tolerance * max(FLOOR, float(np.max(np.abs(expected), initial=0.0)))
    # negated, so that a NaN fails too
    if not difference <= allowed:
        raise ModelFileError(
            f"the self-test fails: {key} differs by {difference:.3g} where {allowed:.3g} is allowed (frame {frame}); "
            "the file is damaged or this backend computes another model: do not use it."
        )
    return difference


def _precisions(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        if isinstance(tree.get("precision"), str):
            yield tree["precision"]
        for value in tree.values():
            yield from _precisions(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _precisions(value)
