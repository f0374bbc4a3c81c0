# SPDX-License-Identifier: LGPL-3.0-or-later
"""The learning curve file (``lcurve.out``), in deepmd-kit's columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import InputError
from deepmd.files import atomic_path, read_text
from deepmd.train.backup import set_aside

if TYPE_CHECKING:
    from typing import Self

NOTE = "# nan: the data have no labels for this column\n"


def shown_metrics(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics that are displayed, in alphabetical order: all but the loss and its ``l2_`` parts."""
    return {key: metrics[key] for key in sorted(metrics) if key != "loss" and not key.startswith("l2_")}


class LearningCurve:
    """Writes a row per display: the step, each metric for validation and training, the learning rate.

    Parameters
    ----------
    path : str
        ``disp_file`` of the input.
    restart_step : int, optional
        The training goes on after this step: the file is kept up to it. None: the file starts anew.
    """

    def __init__(self, path: str, restart_step: int | None = None) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._header: str | None = None
        if restart_step is not None and self.path.is_file():
            self._header = _cut(self.path, restart_step)
        self._file = self.path.open("w" if self._header is None else "a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, step: int, train: dict[str, float], valid: dict[str, float], lr: float) -> None:
        """Appends a row; ``valid`` is empty where there are no validation data."""
        self._write_header(_header(train, valid))
        cells = [f"{step:7d}"]
        for key, value in shown_metrics(train).items():
            values = [valid.get(key, math.nan), value] if valid else [value]
            cells.append(" ".join(f"{number:11.2e}" for number in values))
        self._file.write("   ".join([*cells, f"{lr:8.1e}"]) + "\n")
        self._file.flush()

    def _write_header(self, header: str) -> None:
        if header == self._header:
            return
        if self._header is not None:
            self._set_aside()
        self._header = header
        self._file.write(header + NOTE)

    def _set_aside(self) -> None:
        """Renames a file whose columns are no longer those of this training."""
        self._file.close()
        set_aside([self.path], f"the columns of {self.path} have changed, its rows so far")
        self._file = self.path.open("w", encoding="utf-8")


def read_lcurve(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of a learning curve by name, each (nrows,): ``step``, ``rmse_val``, ..., ``lr``.

    Raises
    ------
    InputError
        If the file is none, or has no rows yet.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; `dp train` writes it (training/disp_file).")
    lines = read_text(path).splitlines()
    names = lines[0].lstrip("#").split() if lines else []
    rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    try:
        numbers = np.array(rows, dtype=np.float64)
    except ValueError:  # words, or rows of several lengths
        numbers = np.empty((0, 0))
    if names[:1] != ["step"] or numbers.shape[1:] != (len(names),) or not len(numbers):
        raise InputError(f"{path}: not a learning curve with rows; expected a line `# step ... lr` and numbers.")
    return dict(zip(names, numbers.T, strict=True))


def _header(train: dict[str, float], valid: dict[str, float]) -> str:
    cells = ["# step "]
    for key in shown_metrics(train):
        names = [f"{key}_val", f"{key}_trn"] if valid else [f"{key}_trn"]
        cells.append(" ".join(f"{name:>11}" for name in names))
    return "   ".join([*cells, f"{'lr':8}"]) + "\n"


def _cut(path: Path, last_step: int) -> str | None:
    """Drops the rows after a step; gives the file's header, None where it has none."""
    lines = path.read_bytes().decode(errors="replace").splitlines(keepends=True)
    kept = [line for line in lines if line.startswith("#") or _step_of(line) <= last_step]
    with atomic_path(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")
    return kept[0] if kept and kept[0].startswith("# step") else None


def _step_of(line: str) -> float:
    """The step of a row; infinity for what is none, such as a line that a crash has cut short or spoiled."""
    words = line.split() if line.endswith("\n") else []
    try:
        numbers = [float(word) for word in words]
        return int(numbers[0])
    except (ValueError, IndexError):
        return math.inf
