# SPDX-License-Identifier: LGPL-3.0-or-later
"""The detail files of `dp test`: each value's label beside its prediction, in deepmd-kit's columns."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from deepmd.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self, TextIO

    from deepmd.infer.quantities import Pair, Quantity


def detail_names(prefix: str | None, quantities: Iterable[Quantity]) -> list[str]:
    """The files of quantities; none where there is no prefix."""
    return [] if prefix is None else [f"{prefix}{quantity.suffix}" for quantity in quantities if quantity.suffix]


class DetailFiles:
    """Writes a file for each quantity: of a potential ``PREFIX.e.out``, ``.e_peratom.out``, ``.f.out``, ``.v.out``,
    ``.v_peratom.out`` and ``.s.out``, of a tensor ``PREFIX.out``.

    All systems go into the same files, one after the other; the first line names the first system. A quantity
    whose label no system has gets no file. The files take their names when the ``with`` block ends well.

    Parameters
    ----------
    prefix : str or None
        None: nothing is written.
    quantities : iterable of Quantity
        Those that may come.
    """

    def __init__(self, prefix: str | None, quantities: Iterable[Quantity]) -> None:
        self.prefix = prefix
        self._quantities = [quantity for quantity in quantities if quantity.suffix]
        self._stack = ExitStack()
        self._files: dict[str, TextIO] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return self._stack.__exit__(kind, error, traceback)

    def write(self, system: str, pairs: dict[str, Pair]) -> None:
        """Adds the rows of one batch."""
        if self.prefix is None:
            return
        for quantity in self._quantities:
            if quantity.key in pairs:
                pair = pairs[quantity.key]
                file = self._file(quantity, system, pair)
                if pair.frames is None:
                    np.savetxt(file, np.hstack([pair.label, pair.prediction]))
                else:
                    _write_frames(file, pair, pair.frames)

    def _file(self, quantity: Quantity, system: str, pair: Pair) -> TextIO:
        if quantity.key not in self._files:
            # the file is closed, then renamed: an ExitStack unwinds in reverse order
            (name,) = detail_names(self.prefix, [quantity])
            path = self._stack.enter_context(atomic_path(name))
            file = self._stack.enter_context(open(path, "w", encoding="utf-8"))  # noqa: SIM115
            file.write(f"# {_header(quantity, system, pair)}\n")
            self._files[quantity.key] = file
        return self._files[quantity.key]


def _write_frames(file: TextIO, pair: Pair, frames: np.ndarray) -> None:
    """A line a frame: the labels of all its rows, then the predictions."""
    ends = np.cumsum(frames)[:-1]
    for label, prediction in zip(np.split(pair.label, ends), np.split(pair.prediction, ends), strict=True):
        np.savetxt(file, np.concatenate([label.ravel(), prediction.ravel()])[None])


def _header(quantity: Quantity, system: str, pair: Pair) -> str:
    columns = quantity.columns
    if pair.frames is not None:
        columns = tuple(f"{column}{number + 1}" for number in range(pair.frames[0]) for column in columns)
    unit = f" ({quantity.unit})" if quantity.key == "stress" else ""
    names = [f"{kind}_{column}" for kind in ("data", "pred") for column in columns]
    return f"{system}{unit}: {' '.join(names)}"
