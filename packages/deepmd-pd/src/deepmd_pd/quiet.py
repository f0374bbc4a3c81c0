# SPDX-License-Identifier: LGPL-3.0-or-later
"""Importing paddle without what it prints and changes, so that `dp` behaves with it as with any other framework."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_THREADS = "OMP_NUM_THREADS"
_LOG_LEVEL = "GLOG_minloglevel"


@contextmanager
def quiet_import() -> Iterator[None]:
    """Within it paddle is imported; afterwards the process is as before.

    paddle 3.3 warns that there is no compiler's cache, and of any OMP_NUM_THREADS but 1; it sets that to 1 for
    whatever else runs in this process, gives the root logger a handler, takes SIGTERM and the signals of a crash
    to print traces of its C++, and notes on the terminal what its executor does.
    """
    if "paddle" in sys.modules:
        yield
        return
    on_terminate = signal.getsignal(signal.SIGTERM)
    with _environment(), _logging(), _own_symbols(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    _release_signals(on_terminate)


@contextmanager
def _environment() -> Iterator[None]:
    """One thread, so that paddle is silent about it, and errors only in its log."""
    before = {name: os.environ.pop(name, None) for name in (_THREADS, _LOG_LEVEL)}
    os.environ[_LOG_LEVEL] = before[_LOG_LEVEL] or "2"
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def _logging() -> Iterator[None]:
    handlers = list(logging.root.handlers)
    try:
        yield
    finally:
        logging.root.handlers[:] = handlers


@contextmanager
def _own_symbols() -> Iterator[None]:
    """Where TensorFlow is loaded already, paddle is bound to its own protobuf, not to TensorFlow's.

    TensorFlow (2.21) offers its symbols to all libraries loaded later; paddle dies of them while it is imported.
    """
    before = sys.getdlopenflags()
    if "tensorflow" in sys.modules:
        sys.setdlopenflags(before | os.RTLD_DEEPBIND)
    try:
        yield
    finally:
        sys.setdlopenflags(before)


def _release_signals(on_terminate: object) -> None:
    """Back to the defaults, and to a handler of Python's, which only the main thread may set."""
    sys.modules["paddle"].disable_signal_handler()
    if callable(on_terminate) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_terminate)
