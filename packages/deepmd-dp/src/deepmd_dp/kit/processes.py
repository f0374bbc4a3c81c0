# SPDX-License-Identifier: LGPL-3.0-or-later
"""Copies of a process (`fork`), in which a framework's threads are missing."""

from __future__ import annotations

import os

from deepmd.errors import BackendError

_used: dict[str, int] = {}


def refuse_after_fork(framework: str) -> None:
    """Notes that a framework is used in this process; in a copy of one that has used it, says so.

    Threads don't come into a copy, so that a framework waits there for its own for ever.

    Raises
    ------
    BackendError
        The process is such a copy.
    """
    used = _used.setdefault(framework, os.getpid())
    if used != os.getpid():
        raise BackendError(
            f"{framework} was used by process {used}, of which this is a copy (fork): it would wait for threads that "
            'only the other has; start processes by multiprocessing.get_context("spawn"), or use it here only.'
        )
