# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints on disk: numbered files, a link to the newest, and a text file that names it."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.backend.discovery import installed_backends
from deepmd.backend.known import known_reader
from deepmd.backend.model_files import read_state
from deepmd.contract import walk_arrays
from deepmd.errors import ModelFileError, TrainingError
from deepmd.files import atomic_path
from deepmd.files.near import near_path
from deepmd.files.unfinished import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.train.trainer import Trainer, TrainingState

log = logging.getLogger(__name__)

POINTER = "checkpoint"
"""Text file with the name of the newest checkpoint: beside it, and in the working directory."""


class CheckpointStore:
    """Writes ``<prefix>-<step><suffix>`` and keeps the newest ones.

    Parameters
    ----------
    prefix : str
        ``save_ckpt`` of the input: ``model.ckpt``, with a folder before it where wanted.
    suffix : str
        Ending of the backend's checkpoints: ``.pt``.
    max_keep : int
        How many are kept; below 1: all.
    companions : tuple of str
        Endings of the further files of a checkpoint.
    """

    def __init__(self, prefix: str, suffix: str, max_keep: int = 5, companions: tuple[str, ...] = ()) -> None:
        self.prefix = Path(prefix)
        self.suffix = suffix
        self.max_keep = max_keep
        self.companions = companions

    @property
    def link(self) -> Path:
        """The name that always means the newest checkpoint: ``model.ckpt.pt``."""
        return self.prefix.with_name(self.prefix.name + self.suffix)

    @property
    def pointers(self) -> list[Path]:
        """The text files that name the newest checkpoint: beside it, and in the working directory."""
        here, beside = Path(POINTER), self.prefix.with_name(POINTER)
        return [here] if beside.resolve() == here.resolve() else [beside, here]

    def path_of(self, step: int) -> Path:
        """The checkpoint after so many steps."""
        return self.prefix.with_name(f"{self.prefix.name}-{step}{self.suffix}")

    def _files_of(self, path: Path) -> list[Path]:
        """All files of a checkpoint, the one that names it last."""
        stem = path.name.removesuffix(self.suffix)
        return [path.with_name(stem + suffix) for suffix in (*self.companions, self.suffix)]

    def write(self, trainer: type[Trainer], state: TrainingState) -> Path:
        """Writes a checkpoint, points the link and the text file at it, removes the oldest ones.

        Raises
        ------
        TrainingError
            A parameter is not finite: nothing is written, so that the checkpoints before it stay the newest.
        """
        _check_finite(state)
        path = self.path_of(state.step)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            trainer.write_checkpoint(str(temporary), state)
        self._point_at(path)
        self._remove_oldest(state.step)
        return path

    def _point_at(self, path: Path) -> None:
        with atomic_path(self.link) as temporary:
            for link, file in zip(self._files_of(temporary), self._files_of(path), strict=True):
                try:
                    link.symlink_to(file.name)
                except OSError:
                    # some file systems have no links
                    shutil.copyfile(file, link)
        for pointer in self.pointers:
            with atomic_path(pointer) as temporary:
                is_beside = pointer.parent == path.parent
                temporary.write_text(path.name if is_beside else str(path), encoding="utf-8")

    def _remove_oldest(self, newest: int) -> None:
        """Those of a longer training before, with steps yet to come, go first."""
        if self.max_keep < 1:
            return
        others = [step for step in self._steps() if step != newest]
        others.sort(key=lambda step: (step < newest, step))
        for step in others[: max(0, len(others) + 1 - self.max_keep)]:
            # the file that names a checkpoint goes first, so that none is ever there in part
            for file in reversed(self._files_of(self.path_of(step))):
                file.unlink(missing_ok=True)

    def _steps(self) -> list[int]:
        start, files = f"{self.prefix.name}-", self.prefix.parent.iterdir()
        names = [file.name for file in files if file.name.startswith(start) and file.name.endswith(self.suffix)]
        return _numbers(name[len(start) : -len(self.suffix)] for name in names)

    def files(self) -> list[Path]:
        """All that is there of checkpoints of this name, the newest last; without the text file."""
        if not self.prefix.parent.is_dir():
            return []
        numbered = [file for step in sorted(self._steps()) for file in self._files_of(self.path_of(step))]
        return [file for file in [*numbered, *self._files_of(self.link)] if file.is_file() or file.is_symlink()]


def find_checkpoint(path: str | Path, suffix: str | None = None) -> Path:
    """The checkpoint file that is meant.

    Parameters
    ----------
    path : str or Path
        A checkpoint; its name without ending; a folder with the text file ``checkpoint``; or a model file.
    suffix : str, optional
        The ending to try first where there is none.

    Raises
    ------
    ModelFileError
        If there is none. Where the text file is empty or damaged, or what it names is, the newest whole checkpoint
        beside it is taken, with a warning.
    """
    path = Path(path)
    backends = installed_backends().values()
    is_model = any(path.suffix in backend.suffixes for backend in backends)
    is_folder = path.is_dir() and (not is_model or (path / POINTER).is_file())
    remove_leftovers(path if is_folder else path.parent)
    if is_folder:
        return _newest_in(path)
    if is_model and path.exists():
        return path
    is_read = any(path.suffix and backend.reads(path.suffix) for backend in backends)
    if (is_read or known_reader(path.suffix)) and not path.exists():
        raise ModelFileError(
            f"there is no model file or checkpoint {path} (relative to {Path.cwd()}){near_path(path)}."
        )
    endings = [suffix, *(backend.checkpoint_suffix for backend in backends)]
    candidates = [path, *(path.with_name(path.name + ending) for ending in endings if ending)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelFileError(f"no checkpoint {path}; looked for {', '.join(dict.fromkeys(map(str, candidates)))}.")


def _newest_in(folder: Path) -> Path:
    pointer = folder / POINTER
    name = pointer.read_bytes().decode(errors="replace").strip("\0 \n") if pointer.is_file() else None
    if name is None:
        reason = f"{folder}: no file `{POINTER}` here"
    elif not name:
        reason = f"{pointer} is empty"
    elif not os.path.isfile(folder / name):
        reason = f"{pointer} names {folder / name}, which is not there"
    elif _is_whole(folder / name):
        return folder / name
    else:
        reason = f"{folder / name}, which {pointer} names, is damaged"
    for path in _numbered_in(folder):
        if _is_whole(path):
            log.warning("%s; the newest whole checkpoint is taken: %s", reason, path)
            return path
    raise ModelFileError(f"{reason}; there is no whole checkpoint, give one itself, e.g. model.ckpt-1000.pt.")


def _numbered_in(folder: Path) -> list[Path]:
    """Checkpoints of all installed backends, the newest first."""
    endings = {backend.checkpoint_suffix for backend in installed_backends().values()}
    found = []
    for path in folder.iterdir():
        step = _numbers([path.stem.rpartition("-")[2]])
        if step and path.suffix in endings and path.is_file():
            found.append((path.stat().st_mtime_ns, step, path))
    return [path for *_, path in sorted(found, reverse=True)]


def _is_whole(path: Path) -> bool:
    try:
        read_state(path)
    except Exception:  # whatever a reader makes of a damaged file
        return False
    return True


def _numbers(words: Iterable[str]) -> list[int]:
    return [int(word) for word in words if word.isascii() and word.isdigit()]


def _check_finite(state: TrainingState) -> None:
    for name, array in walk_arrays(state.model):
        if not np.isfinite(array).all():
            raise TrainingError(
                f"after step {state.step} the parameter {name} is not finite, so no checkpoint was written; "
                "go on from the last one with a smaller learning rate."
            )
