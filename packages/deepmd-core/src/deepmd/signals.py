# SPDX-License-Identifier: LGPL-3.0-or-later
"""How a signal ends a command."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from deepmd.files.unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Those that ask a process to end; Windows has no SIGHUP."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Lets SIGINT (Ctrl-C), SIGTERM (a queue's time limit) and SIGHUP (a closed terminal) end the process at once,
    without its unfinished files.

    Nothing is raised: destructors and callbacks of libraries swallow exceptions, or crash. What handles a signal
    already, or ignores it, goes on to do so. For a process of our own: in a notebook's, Ctrl-C is an exception.
    """
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            if signal.getsignal(number) == default:
                before[number] = signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _frame: object) -> None:
    Unfinished.remove_all()
    with suppress(Exception):
        sys.stdout.flush()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
