# SPDX-License-Identifier: LGPL-3.0-or-later
"""A bounded number of compiled programs, for frameworks that compile one for each set of sizes and never free it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Program = TypeVar("Program")

MOST_PROGRAMS = 48
"""Programs of one function. Each holds some 200 pieces of mapped memory, of which Linux gives a process 65,530."""


class Programs(Generic[Program]):
    """Programs by what they are for, made when they are first asked for; the one longest unused is dropped.

    Parameters
    ----------
    make : callable
        Gives a new program.
    drop : callable
        Frees what one holds. Another thread may be running it: what it holds must live until that is done.
    most : int
    """

    def __init__(self, make: Callable[[], Program], drop: Callable[[Program], None], most: int = MOST_PROGRAMS) -> None:
        self._make, self._drop, self._most = make, drop, most
        self._programs: dict[Hashable, Program] = {}  # the one used last comes last
        self._lock = Lock()
        self.nmade = 0

    def __getitem__(self, key: Hashable) -> Program:
        with self._lock:
            program = self._programs.pop(key, None)
            if program is None:
                program, self.nmade = self._make(), self.nmade + 1
            self._programs[key] = program
            while len(self._programs) > self._most:
                self._drop(self._programs.pop(next(iter(self._programs))))
            return program

    def __len__(self) -> int:
        return len(self._programs)
