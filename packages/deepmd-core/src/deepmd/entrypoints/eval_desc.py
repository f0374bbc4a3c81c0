# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp eval-desc`: writes the descriptors of the atoms in data."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.data import System
from deepmd.files import atomic_path
from deepmd.files.overwrite import check_outputs_of_new_folders
from deepmd.infer import DeepEval
from deepmd.infer.systems import choose_systems, eval_arguments, iterate_frames, naming_frames, needed_inputs

if TYPE_CHECKING:
    import argparse

    from deepmd.data import Batch

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> None:
    """Runs the sub-command."""
    systems = choose_systems(args.system, args.datafile)
    eval_desc(model=args.model, systems=systems, output=args.output, dtype=args.dtype)


def eval_desc(*, model: str, systems: list[str], output: str = "desc", dtype: str = "native") -> list[Path]:
    """Writes the descriptors of each system, (nframes, natoms, dim_descrpt), to a file of its name.

    Parameters
    ----------
    model : str
        Model file.
    systems : list of str
        Data systems.
    output : str
        Folder of the files.
    dtype : {"native", "fp32", "fp64"}
        Precision of the files.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        A system cannot be read, or lacks what the model needs.
    """
    files = []
    check_outputs_of_new_folders(_name_files(systems, Path(output)), [model, *systems])
    with DeepEval(model) as dp:
        for name, path in zip(systems, _name_files(systems, Path(output)), strict=True):
            system = System(name, dp.get_type_map(), needed_inputs(dp), dp.backend.get_virtual_scale())
            descriptor = np.concatenate([_describe(dp, batch, dtype) for batch in iterate_frames(system)])
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(path) as temporary:
                np.save(temporary, descriptor)
            log.info("descriptors of %s, shape %s, written to %s", name, descriptor.shape, path)
            files.append(path)
    return files


def _describe(dp: DeepEval, batch: Batch, dtype: str) -> np.ndarray:
    with naming_frames(batch):
        return dp.eval_descriptor(**eval_arguments(batch), dtype=dtype)


def _name_files(systems: list[str], folder: Path) -> list[Path]:
    """``FOLDER/<last part of a system's name>.npy``; with the parts before it where two would share a file."""
    paths = [os.path.normpath(_as_path(system)) for system in systems]
    names = [Path(path).absolute().name for path in paths]
    if len(set(names)) < len(names):
        common = os.path.commonpath([os.path.abspath(path) for path in paths])
        names = [os.path.relpath(path, common) for path in paths]
    return [folder / f"{name}.npy" for name in names]


def _as_path(system: str) -> str:
    """A system's name as that of a file: a group of HDF5 has folders of its own, one of another file belongs to it."""
    path, _, group = system.partition("#")
    return path + group if group.startswith("/") or not group else f"{path}-{group.replace('/', '-')}"
