# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ending a training in good order when a signal asks for it."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Notes SIGINT (Ctrl-C) and SIGTERM (a queue's time limit) instead of dying; a second one acts at once.

    Used as a context. Outside the main thread, where Python takes no signals, it does nothing.

    Attributes
    ----------
    received : signal.Signals or None
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
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
