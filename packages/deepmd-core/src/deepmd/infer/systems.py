# SPDX-License-Identifier: LGPL-3.0-or-later
"""Data systems as input of a model: which ones, what they must hold, and their frames as arguments of `eval`."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.charge_spin import CHARGE_SPIN, problem_of
from deepmd.data import DataRequirement, find_systems
from deepmd.data.mask import mask_problem
from deepmd.errors import InputError, ResultError
from deepmd.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deepmd.data import Batch, System
    from deepmd.infer.evaluator import DeepEval

ATOMS_READ_AT_ONCE = 200_000
"""Bounds the memory for labels and results; how many atoms a model takes at once is found by AutoBatchSize."""


def choose_systems(system: str, datafile: str | None = None) -> list[str]:
    """The systems that the flags ``-s`` and ``-f`` of a command name.

    Parameters
    ----------
    system : str
        Folder or HDF5 file, searched recursively; ignored where there is a ``datafile``.
    datafile : str, optional
        Text file with one system a line.

    Raises
    ------
    InputError
        ``datafile`` cannot be read or is empty.
    DataError
        No system is found.
    """
    if datafile is None:
        return find_systems(system)
    systems = [line.strip() for line in read_text(datafile).splitlines() if line.strip()]
    if not systems:
        raise InputError(f"{datafile} is empty; expected one data system a line.")
    return systems


def systems_of_input(path: str, section: str) -> list[str]:
    """The systems in a section of an input file; relative ones start at the file's folder, as in deepmd-kit."""
    from deepmd.schema import load_input

    config = load_input(path)
    training = config.get("training") if isinstance(config, dict) else None
    data = (training.get(section) if isinstance(training, dict) else None) or {}
    systems = data.get("systems")
    if not systems:
        raise InputError(f"{path} has no training/{section}/systems.")
    names = [systems] if isinstance(systems, str) else systems
    return find_systems([str(Path(path).parent / name) for name in names], data.get("rglob_patterns"))


def needed_inputs(model: DeepEval) -> list[DataRequirement]:
    """What the data must hold besides coordinates and cells to be evaluated by a model."""
    needed = []
    if model.get_dim_fparam() > 0:
        needed.append(DataRequirement("fparam", model.get_dim_fparam(), must=not model.has_default_fparam()))
    if model.get_dim_aparam() > 0:
        problem = mask_problem if model.backend.takes_mask() else None
        needed.append(DataRequirement("aparam", model.get_dim_aparam(), atomic=True, must=True, problem=problem))
    if model.has_spin:
        needed.append(DataRequirement("spin", 3, atomic=True, must=True))
    if model.has_chg_spin_ebd():
        needed.append(DataRequirement(CHARGE_SPIN, 2, must=not model.has_default_chg_spin(), problem=problem_of))
    return needed


def iterate_frames(system: System, frames: Iterable[int] | None = None) -> Iterator[Batch]:
    """The frames given (default: all) in batches of bounded size."""
    return system.batches(max(1, ATOMS_READ_AT_ONCE // system.natoms), frames)


def eval_arguments(batch: Batch) -> dict[str, Any]:
    """A batch as keyword arguments of `DeepPot.eval` and `DeepEval.eval_descriptor`."""
    parameters = {key: batch.labels[key] for key in ("fparam", "aparam", "spin", CHARGE_SPIN) if batch.found.get(key)}
    return {"coords": batch.coord, "cells": batch.box, "atom_types": batch.atype, "mixed_type": True, **parameters}


@contextmanager
def naming_frames(batch: Batch) -> Iterator[None]:
    """Errors about a frame of the batch name its system, and its number there."""
    try:
        yield
    except ResultError as error:
        number = int(batch.frames[error.frame])
        raise ResultError(number, error.reason, f"of system {batch.system}") from error
