# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and preparing the coming batches in a thread while the model works on the present one."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

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
        self._left = count
        # one worker, so that the batches are drawn in order
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead: deque[Future[Prepared]] = deque()

    def __enter__(self) -> Self:
        for _ in range(DEPTH):
            self._start_next()
        return self

    def __exit__(self, *error: object) -> None:
        self._executor.shutdown(cancel_futures=True)

    def get(self) -> Prepared:
        """The next batch, waiting for it where needed."""
        future = self._ahead.popleft()
        self._start_next()
        return future.result()

    def _start_next(self) -> None:
        if self._left > 0:
            self._left -= 1
            self._ahead.append(self._executor.submit(self._next))

    def _next(self) -> Prepared:
        batch = self._data.draw()
        return Prepared(self._data.describe(batch), self._prepare(batch), self._data.state())
