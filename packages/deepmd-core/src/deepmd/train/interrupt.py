# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ending a training in good order when a signal asks for it."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

from deepmd.signals import ENDING

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)


class Interrupt:
    """Notes SIGINT (Ctrl-C), SIGTERM (a queue's time limit) and SIGHUP (a closed terminal) instead of dying.

    A second one acts at once. Under `nohup`, where SIGHUP is ignored, it goes on to be. Used as a context. Outside the
    main thread, where Python takes no signals, it does nothing.

    Attributes
    ----------
    received : signal.Signals or None
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            taken = [number for number in ENDING if not _is_under_nohup(number)]
            self._before = {number: signal.signal(number, self._note) for number in taken}
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _note(self, number: int, _frame: object) -> None:
        self.received = signal.Signals(number)
        self._restore()
        log.warning("%s: stopping after this step with a checkpoint; once more to stop at once.", self.received.name)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def _is_under_nohup(number: signal.Signals) -> bool:
    return number.name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN
