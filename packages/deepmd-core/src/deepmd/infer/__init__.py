# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluating models from Python: `DeepPot`, `DeepDipole`, and what is built on them."""

from __future__ import annotations

from importlib import import_module
from os.path import dirname, join
from typing import Any

from deepmd.infer.deep_dipole import DeepDipole
from deepmd.infer.deep_dos import DeepDOS
from deepmd.infer.deep_polar import DeepGlobalPolar, DeepPolar
from deepmd.infer.deep_population import DeepPopulation
from deepmd.infer.deep_pot import DeepPot
from deepmd.infer.deep_property import DeepProperty
from deepmd.infer.deep_tensor import DeepTensor
from deepmd.infer.evaluator import DeepEval
from deepmd.infer.model_devi import (
    calc_model_devi,
    calc_model_devi_e,
    calc_model_devi_f,
    calc_model_devi_v,
    make_model_devi,
    write_model_devi_out,
)

__all__ = [
    "DeepDOS",
    "DeepDipole",
    "DeepEval",
    "DeepGlobalPolar",
    "DeepPolar",
    "DeepPopulation",
    "DeepPot",
    "DeepPotential",
    "DeepProperty",
    "DeepTensor",
    "calc_model_devi",
    "calc_model_devi_e",
    "calc_model_devi_f",
    "calc_model_devi_v",
    "make_model_devi",
    "write_model_devi_out",
]


def DeepPotential(*args: Any, **kwargs: Any) -> DeepEval:
    """The same as `DeepEval`, under the name that older scripts use."""
    return DeepEval(*args, **kwargs)


KINDS = {
    "DeepWFC": "deep_wfc",
}

# where the modules of these classes are
__path__.append(join(dirname(dirname(__file__)), "kit_names", "infer"))


def __getattr__(name: str) -> Any:
    """Kinds of models that deepmd-kit has and this version has not are classes all the same, for programs to ask."""
    if name not in KINDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{KINDS[name]}"), name)
