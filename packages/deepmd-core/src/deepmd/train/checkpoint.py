# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints on disk: numbered files, a link to the newest, and a text file that names it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.backend.discovery import backend_of_file, installed_backends
from deepmd.contract import walk_arrays
from deepmd.errors import ModelFileError, TrainingError
from deepmd.files import atomic_path

if TYPE_CHECKING:
    from deepmd.train.trainer import Trainer, TrainingState

log = logging.getLogger(__name__)

POINTER = "checkpoint"
"""Text file in the working directory with the name of the newest checkpoint."""


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
        with atomic_path(POINTER) as temporary:
            temporary.write_text(str(path), encoding="utf-8")

    def _remove_oldest(self, newest: int) -> None:
        """Those of a longer training before, with steps yet to come, go first."""
        if self.max_keep < 1:
            return
        others = [step for step in self._steps() if step != newest]
        others.sort(key=lambda step: (step < newest, step))
        for step in others[: max(0, len(others) + 1 - self.max_keep)]:
            for file in self._files_of(self.path_of(step)):
                file.unlink(missing_ok=True)

    def _steps(self) -> list[int]:
        start = len(self.prefix.name) + 1
        files = self.prefix.parent.glob(f"{self.prefix.name}-*{self.suffix}")
        names = [path.name[start : -len(self.suffix)] for path in files]
        return [int(name) for name in names if name.isdigit()]


def find_checkpoint(path: str | Path, suffix: str | None = None) -> Path:
    """The checkpoint file that is meant.

    Parameters
    ----------
    path : str or Path
        A checkpoint; its name without ending; or a folder with the text file ``checkpoint``.
    suffix : str, optional
        The ending to try first where there is none.

    Raises
    ------
    ModelFileError
        If there is none.
    """
    path = Path(path)
    if path.is_dir():
        return _newest_in(path)
    endings = [suffix, *(backend.checkpoint_suffix for backend in installed_backends().values())]
    candidates = [path, *(path.with_name(path.name + ending) for ending in endings if ending)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ModelFileError(f"no checkpoint {path}; looked for {', '.join(dict.fromkeys(map(str, candidates)))}.")


def read_state(path: Path) -> TrainingState:
    """What a checkpoint of any installed backend holds, told by its ending."""
    return backend_of_file(path).trainer.read_checkpoint(str(path))


def _newest_in(folder: Path) -> Path:
    pointer = folder / POINTER
    if not pointer.is_file():
        raise ModelFileError(
            f"{folder}: no file `{POINTER}` here; give the checkpoint itself, e.g. model.ckpt-1000.pt."
        )
    path = folder / pointer.read_text(encoding="utf-8").strip()
    if not path.is_file():
        raise ModelFileError(f"{pointer} names {path}, which is not there; give the checkpoint itself.")
    return path


def _check_finite(state: TrainingState) -> None:
    for name, array in walk_arrays(state.model):
        if not np.isfinite(array).all():
            raise TrainingError(
                f"after step {state.step} the parameter {name} is not finite, so no checkpoint was written; "
                "go on from the last one with a smaller learning rate."
            )
