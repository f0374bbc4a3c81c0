# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluating models from Python: `DeepPot`, `DeepDipole`, and what is built on them."""

from __future__ import annotations

from typing import Any

from deepmd.infer.deep_dipole import DeepDipole
from deepmd.infer.deep_pot import DeepPot
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
    "DeepDipole",
    "DeepEval",
    "DeepPot",
    "DeepPotential",
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
