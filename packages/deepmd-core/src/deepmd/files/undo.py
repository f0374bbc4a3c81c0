# SPDX-License-Identifier: LGPL-3.0-or-later
"""Replacing several files as one: until the last one has its name, the old ones can be taken back.

One rename is atomic, several are not. So the old files are kept, by hard links, beside a record of where they belong;
whoever finds a record after a kill (`deepmd.files.unfinished`) takes them back.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from deepmd.files.disk import sync

OLD, RECORD = ".old", ".record"
"""In the temporary folder: the old files by number; and the name of the last new one with the places of all."""


def replace_all(moves: list[tuple[Path, Path]], folder: Path) -> None:
    """Renames files or folders over what is there; where one fails, all are as before.

    Parameters
    ----------
    moves : list of (Path, Path)
        Source and target, the one that names all last.
    folder : Path
        The temporary folder that the sources are in.
    """
    if len(moves) == 1 and not _is_folder(moves[0][1]):
        os.replace(*moves[0])
        return
    _keep_old(moves, folder)
    sync(folder)
    try:
        for number, (source, target) in enumerate(moves):
            if _is_folder(target):  # no rename replaces a folder
                target.rename(folder / OLD / str(number))
            os.replace(source, target)
    except OSError:
        take_back(folder)
        raise
    (folder / RECORD).unlink()


def take_back(folder: Path) -> None:
    """Puts the old files in their places, where a temporary folder has a record of them and not all are replaced."""
    record = folder / RECORD
    if not record.is_file():
        return
    last, places = json.loads(record.read_text(encoding="utf-8"))
    if not _is_there(folder / last):
        return
    for number, (name, was_there) in enumerate(places):
        old, target = folder / OLD / str(number), Path(name)
        if _is_there(old):
            if _is_folder(target):
                target.rename(folder / OLD / f"{number}.new")
            os.replace(old, target)
        elif not was_there and _is_there(target):
            target.rename(folder / OLD / f"{number}.new")
    record.unlink()


def _keep_old(moves: list[tuple[Path, Path]], folder: Path) -> None:
    (folder / OLD).mkdir()
    places = []
    for number, (_, target) in enumerate(moves):
        is_there = _is_there(target)
        if is_there and not _is_folder(target):
            _link(target, folder / OLD / str(number))
        places.append([str(target.absolute()), is_there])
    draft = folder / f"{RECORD}.draft"
    draft.write_text(json.dumps([moves[-1][0].name, places]), encoding="utf-8")
    draft.rename(folder / RECORD)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # some file systems have no hard links
        shutil.copy2(source, target, follow_symlinks=False)


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
