# SPDX-License-Identifier: LGPL-3.0-or-later
"""How far a model is from another on frames of data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract.self_test import Difference
from deepmd.data import System
from deepmd.infer.evaluator import DeepEval
from deepmd.infer.systems import eval_arguments, iterate_frames, naming_frames, needed_inputs
from deepmd.outputs import all_terms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.data import Batch

NFRAMES = 8
"""Frames that are compared, in all: enough to see what a table of too wide pieces does."""


def differences_on_data(model_file: str, other_file: str, systems: list[str]) -> dict[str, Difference]:
    """The largest differences between two files of one model on a few frames of data, those of sums per atom.

    Parameters
    ----------
    model_file, other_file : str
        Files with the same type map and outputs, of any backend.
    systems : list of str
        Data systems; up to `NFRAMES` frames of all are evaluated.

    Returns
    -------
    dict[str, Difference]
        Of each term but the atoms' virials: ``energy`` [eV/atom], ``force``, ...

    Raises
    ------
    DataError
        A system cannot be read, or lacks what the model needs.
    """
    largest: dict[str, Difference] = {}
    with DeepEval(model_file) as model, DeepEval(other_file) as other:
        terms = [term for term in all_terms(model.outputs) if term.kind != "atom_virial"]
        for batch in _some_frames(model, systems):
            with naming_frames(batch):
                pair = [each.eval_terms(**eval_arguments(batch), atomic=True) for each in (model, other)]
            natoms = (batch.atype >= 0).sum(axis=1)
            for term in terms:
                difference, unit = np.abs(pair[0][term.name] - pair[1][term.name]), term.unit
                if term.kind in ("sum", "virial"):
                    difference, unit = difference / natoms.reshape(-1, *[1] * (difference.ndim - 1)), f"{unit}/atom"
                before = largest.get(term.name, Difference(0.0, unit))
                largest[term.name] = before._replace(value=max(before.value, float(difference.max(initial=0.0))))
    return largest


def _some_frames(model: DeepEval, systems: list[str]) -> Iterator[Batch]:
    """At most `NFRAMES`, spread over the systems and over the frames of each."""
    chosen = [systems[k] for k in np.unique(np.linspace(0, len(systems) - 1, min(NFRAMES, len(systems)), dtype=int))]
    for name in chosen:
        system = System(name, model.get_type_map(), needed_inputs(model), model.backend.get_virtual_scale())
        count = min(NFRAMES // len(chosen), system.nframes)
        yield from iterate_frames(system, np.linspace(0, system.nframes - 1, count, dtype=int).tolist())
