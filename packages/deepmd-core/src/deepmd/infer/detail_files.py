# SPDX-License-Identifier: LGPL-3.0-or-later
"""The detail files of `dp test`: each value's label beside its prediction, in deepmd-kit's columns."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from deepmd.files import atomic_path
from deepmd.infer.quantities import QUANTITIES

if TYPE_CHECKING:
    from typing import Self, TextIO

    from deepmd.infer.quantities import Pair, Quantity


class DetailFiles:
    """Writes the files ``PREFIX.e.out``, ``.e_peratom.out``, ``.f.out``, ``.v.out``, ``.v_peratom.out`` and ``.s.out``.

    All systems go into the same files, one after the other; the first line names the first system. A quantity
    whose label no system has gets no file. The files take their names when the ``with`` block ends well.

    Parameters
    ----------
    prefix : str or None
        None: nothing is written.
    """

    def __init__(self, prefix: str | None) -> None:
        self.prefix = prefix
        self._stack = ExitStack()
        self._files: dict[str, TextIO] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._stack.__exit__(*error)

    def write(self, system: str, pairs: dict[str, Pair]) -> None:
        """Adds the rows of one batch."""
        if self.prefix is None:
            return
        for quantity in QUANTITIES:
            if quantity.suffix and quantity.key in pairs:
                np.savetxt(self._file(quantity, system), np.hstack(pairs[quantity.key][:2]))

    def _file(self, quantity: Quantity, system: str) -> TextIO:
        if quantity.key not in self._files:
            # the file is closed, then renamed: an ExitStack unwinds in reverse order
            path = self._stack.enter_context(atomic_path(f"{self.prefix}{quantity.suffix}"))
            file = self._stack.enter_context(open(path, "w", encoding="utf-8"))  # noqa: SIM115
            file.write(f"# {_header(quantity, system)}\n")
            self._files[quantity.key] = file
        return self._files[quantity.key]


def _header(quantity: Quantity, system: str) -> str:
    unit = f" ({quantity.unit})" if quantity.key == "stress" else ""
    columns = [f"{kind}_{column}" for kind in ("data", "pred") for column in quantity.columns]
    return f"{system}{unit}: {' '.join(columns)}"
