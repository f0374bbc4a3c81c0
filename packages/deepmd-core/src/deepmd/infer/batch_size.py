# SPDX-License-Identifier: LGPL-3.0-or-later
"""How many frames are evaluated at once: as many as fit into the memory, found by trying."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, cast

import numpy as np

from deepmd.errors import DeepmdError, InputError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

VARIABLE = "DP_INFER_BATCH_SIZE"
DEFAULT_NATOMS = 1024
COMPLAINTS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "failed to allocate",
    "fail to alloc memory",
    "oom when allocating",
    "cublas_status_alloc_failed",
)
"""What the frameworks write, in lower case, when memory was asked for and refused. `RESOURCE_EXHAUSTED` alone is also a
full disk, or too many files, mapped pieces of memory or threads."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an exception, or one that it came from, says that memory was asked for and refused."""
    while error is not None:
        if isinstance(error, MemoryError | OutOfMemoryError):
            return True
        # our own messages name files and values of the user's, which may say anything
        if not isinstance(error, DeepmdError) and any(complaint in str(error).lower() for complaint in COMPLAINTS):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


class AutoBatchSize:
    """Evaluates many frames in parts that fit into the memory.

    A part that runs out of memory is halved and tried again. On a device where running out of memory raises an
    error, a backend sets ``may_grow`` in its constructor, which is given this object: then parts double until one
    fails. On a CPU the operating system kills the process instead, so parts never grow by themselves there.

    Parameters
    ----------
    natoms : int
        Atoms (frames times atoms of a frame) of the first part; the environment variable
        ``DP_INFER_BATCH_SIZE`` replaces it, and then parts don't grow either.

    Attributes
    ----------
    natoms : int
        Atoms of the next part.
    may_grow : bool
        Whether parts may double.
    tests : list of callable
        An exception that one of them accepts means that memory ran out; a backend may append its own,
        which may also free what its framework keeps.

    Raises
    ------
    InputError
        A number of atoms is not positive.
    """

    def __init__(self, natoms: int = DEFAULT_NATOMS) -> None:
        fixed = _natoms_from_environment()
        self.natoms = fixed or natoms
        if self.natoms < 1:
            raise InputError(f"auto_batch_size is {natoms}, expected a positive number of atoms.")
        self.may_grow = False
        self.tests: list[Callable[[BaseException], bool]] = [is_out_of_memory]
        self._is_fixed = fixed is not None
        self._too_many = sys.maxsize

    @classmethod
    def of(cls, value: bool | int | AutoBatchSize) -> AutoBatchSize:
        """What the argument ``auto_batch_size`` means: True the default, False all at once, a number the first part."""
        if isinstance(value, AutoBatchSize):
            return value
        if value is True:
            return cls()
        return cls(sys.maxsize if value is False else value)

    def evaluate(
        self, function: Callable[..., dict[str, np.ndarray]], inputs: dict[str, np.ndarray | None]
    ) -> dict[str, np.ndarray]:
        """Calls a function with parts of the frames and joins what it gives.

        Parameters
        ----------
        function : callable
            Takes the inputs as keyword arguments; gives arrays, each with the axis of the frames first.
        inputs : dict
            Arrays with the axis of the frames first, or None; ``coords`` is (nframes, natoms, 3).

        Raises
        ------
        OutOfMemoryError
            A single frame does not fit.
        """
        nframes, natoms = np.shape(cast("np.ndarray", inputs["coords"]))[:2]
        parts, start = [], 0
        while start < nframes:
            size = min(max(1, self.natoms // natoms), nframes - start)
            rows = slice(start, start + size)
            try:
                parts.append(function(**{key: None if value is None else value[rows] for key, value in inputs.items()}))
            except Exception as error:
                if not any(test(error) for test in self.tests):
                    raise
                self._shrink(size, natoms, error)
                continue
            start += size
            self._grow(size, natoms)
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    def _shrink(self, size: int, natoms: int, error: Exception) -> None:
        if size == 1 and isinstance(error, DeepmdError):
            raise error
        if size == 1:
            raise OutOfMemoryError(
                f"out of memory when evaluating a single frame of {natoms} atoms; take a smaller frame, or a machine "
                "or GPU with more memory."
            ) from error
        self._too_many = size * natoms
        self.natoms = size // 2 * natoms
        log.info("out of memory with %d atoms at once; going on with %d.", size * natoms, self.natoms)

    def _grow(self, size: int, natoms: int) -> None:
        is_full = (size + 1) * natoms > self.natoms
        if self.may_grow and not self._is_fixed and is_full and 2 * self.natoms < self._too_many:
            self.natoms *= 2


def _natoms_from_environment() -> int | None:
    text = os.environ.get(VARIABLE, "")
    if text in ("", "0"):
        return None
    if not text.isdecimal():
        raise InputError(f"the environment variable {VARIABLE} is {text!r}, expected a positive number of atoms.")
    return int(text)
