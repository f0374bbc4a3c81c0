# SPDX-License-Identifier: LGPL-3.0-or-later
"""Threads of a computation: how many, and what they do while they wait."""

from __future__ import annotations

import logging
import os
from functools import cache
from pathlib import Path

_NUMBER, _WAITING = "OMP_NUM_THREADS", "OMP_WAIT_POLICY"
_LOAD = Path("/proc/loadavg")
log = logging.getLogger(__name__)


def number_of_threads() -> int:
    """As many as OMP_NUM_THREADS says, else one for each core that this process may use."""
    given = os.environ.get(_NUMBER, "").strip()
    outermost = given.partition(",")[0].strip()  # OpenMP takes a number for each level of nested loops
    if outermost.isdecimal() and int(outermost) > 0:
        return int(outermost)
    if given:
        _say_once(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _say_once(given: str) -> None:
    log.warning("%s is %r, expected a number such as 4: as many threads as cores are taken.", _NUMBER, given)


def cpu_name(nthreads: int) -> str:
    """The CPU for people: ``cpu (1 thread)``, ``cpu (2 threads)``."""
    return f"cpu ({nthreads} thread{'' if nthreads == 1 else 's'})"


def sleep_on_busy_cores() -> None:
    """Threads of OpenMP that wait for each other sleep where others need the cores, and spin else.

    Waking up is a third of a small training step; spinning makes it many times slower where a waiting thread holds the
    core that another program, or the thread it waits for, would have. An OpenMP library reads OMP_WAIT_POLICY when it
    is loaded, so this comes before; what the user has set stays.
    """
    others = _running_threads() - 1
    if others + number_of_threads() > (os.cpu_count() or 1):
        os.environ.setdefault(_WAITING, "PASSIVE")


def _running_threads() -> int:
    """Threads of all programs on this machine that run or could; ourselves where that isn't known."""
    try:
        return int(_LOAD.read_text().split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return 1
