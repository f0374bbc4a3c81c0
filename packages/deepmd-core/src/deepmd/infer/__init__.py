# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluating models from Python: `DeepPot` and what is built on it."""

from __future__ import annotations

from typing import Any

from deepmd.infer.deep_pot import DeepPot
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
    "DeepEval",
    "DeepPot",
    "DeepPotential",
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
