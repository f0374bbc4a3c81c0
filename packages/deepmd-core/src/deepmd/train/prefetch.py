# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and preparing the coming batches in a thread while the model works on the present one."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.data import Batch, TrainingData

DEPTH = 4
"""Batches held ready."""


@dataclass(frozen=True)
class Prepared:
    """A batch ready for a step.

    Attributes
    ----------
    where : str
        System and frames, for messages.
    content : Any
        What `Trainer.prepare` gave.
    state : dict
        State of the data after this batch was drawn, to go on from after its step.
    """

    where: str
    content: Any
    state: dict[str, Any]


class Prefetcher:
    """Draws and prepares ``count`` batches ahead, in order; used as a context.

    An exception in the thread is raised by the `get` that would have given the batch. While the context lasts, only
    the thread draws from the data.
    """

    def __init__(self, data: TrainingData, prepare: Callable[[Batch], Any], count: int) -> None:
        self._data = data
        self._prepare = prepare
        self._count = count
        self._queue: queue.Queue[Prepared | BaseException] = queue.Queue(DEPTH)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)

    def __enter__(self) -> Prefetcher:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            # the thread may be waiting for a place in the queue
            while not self._queue.empty():
                self._queue.get_nowait()
            self._thread.join(timeout=0.05)

    def get(self) -> Prepared:
        """The next batch, waiting for it where needed."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _work(self) -> None:
        for _ in range(self._count):
            if self._stop.is_set():
                return
            try:
                item: Prepared | BaseException = self._next()
            # whatever goes wrong belongs to the thread that waits for the batch
            except BaseException as error:
                item = error
            self._queue.put(item)
            if isinstance(item, BaseException):
                return

    def _next(self) -> Prepared:
        batch = self._data.draw()
        return Prepared(self._data.describe(batch), self._prepare(batch), self._data.state())
