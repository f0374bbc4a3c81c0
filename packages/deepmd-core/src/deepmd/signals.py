# SPDX-License-Identifier: LGPL-3.0-or-later
"""How a signal ends a command: by an exception, so that what it was writing is removed."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

AGAIN = 0.1
"""After so many seconds [s] a signal comes again that a destructor has swallowed."""


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Makes SIGTERM (a queue's time limit) a KeyboardInterrupt like SIGINT (Ctrl-C), and sees that neither is lost.

    An exception raised in a destructor or a callback of a library goes no further, Python only prints it; such a signal
    comes again. Outside the main thread, where Python takes no signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminate, unraisable = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    if terminate == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)

    def send_again(found: Any) -> None:
        if isinstance(found.exc_value, KeyboardInterrupt):
            _send_later(number_of(found.exc_value))
        else:
            unraisable(found)

    sys.unraisablehook = send_again
    try:
        yield
    finally:
        sys.unraisablehook = unraisable
        signal.signal(signal.SIGTERM, terminate)


def _send_later(number: int) -> None:
    try:
        threading.Timer(AGAIN, signal.pthread_kill, (threading.main_thread().ident, number)).start()
    except KeyboardInterrupt:
        # on a busy machine it may come while the thread still starts
        _send_later(number)


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The signal that a KeyboardInterrupt stands for."""
    return int(interrupt.args[0]) if interrupt.args else int(signal.SIGINT)


def _stop(number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt(number)
