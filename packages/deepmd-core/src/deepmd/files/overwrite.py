# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a command must not write over, said before it computes anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import InputError
from deepmd.files.atomic import check_target

if TYPE_CHECKING:
    from collections.abc import Iterable

    Name = str | Path | None


def check_outputs(outputs: Iterable[Name], inputs: Iterable[Name] = ()) -> None:
    """Raises unless these files can be written without harm to what this command reads.

    Parameters
    ----------
    outputs : iterable of str or Path or None
        Files to write, None being skipped.
    inputs : iterable of str or Path or None
        Files that are read: models, input files, data (``file.hdf5#/group`` too).

    Raises
    ------
    InputError
        A name is empty or a folder's, or of a file that this command reads, or of one of a data system's files, or two
        are the same, or the folder is not there or may not be written to.
    """
    sources = list(inputs)
    taken: dict[Path, Name] = {}
    for output in outputs:
        if output is None:
            continue
        target = check_target(Path(output))
        if target in taken:
            raise InputError(f"{output} would be written twice, as {taken[target]} too; give another name.")
        taken[target] = output
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise InputError(f"{output} cannot be written: no permission to write in the folder {target.parent}.")
        check_not_read(target, sources)
        if target.exists() and _is_data(target):
            raise InputError(f"{output} is a file of a data system and would be overwritten; give another name.")


def check_not_read(output: str | Path, inputs: Iterable[Name]) -> None:
    """Raises InputError where a file to write is one of those that are read."""
    for name in inputs:
        source = str(name).partition("#")[0]
        if name and os.path.exists(source) and os.path.exists(output) and os.path.samefile(source, output):
            raise InputError(f"{output} is read by this command and would be overwritten; give another name.")


def check_outputs_of_new_folders(outputs: Iterable[Name], inputs: Iterable[Name] = ()) -> None:
    """`check_outputs` where the command makes the folders of its files."""
    names = [Path(name) for name in outputs if name is not None]
    check_outputs([name for name in names if not name.name or name.parent.is_dir()], inputs)


def _is_data(path: Path) -> bool:
    """Whether it is a part of a data system in a folder."""
    if path.suffix == ".npy" and path.parent.name.startswith("set."):
        return (path.parents[1] / "type.raw").exists()
    return (path.suffix == ".raw" or path.name == "nopbc") and (path.parent / "type.raw").exists()
