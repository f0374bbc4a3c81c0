# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where JAX computes, and with how many threads."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import jax

from deepmd_dp.kit.threads import cpu_name, number_of_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

_THREADS = ("PJRT_NPROC", "NPROC")
"""Variables by which XLA is told the number of its threads; it does not know OMP_NUM_THREADS."""


@cache
def device() -> jax.Device:
    """The first device that JAX finds; ``DEVICE=cpu`` in the environment forces the CPU."""
    with _variable(_THREADS[0], str(_number_of_threads())):  # read where the first device is looked for
        return jax.local_devices(backend="cpu" if os.environ.get("DEVICE") == "cpu" else None)[0]


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``gpu:0 (NVIDIA H100)``."""
    if device().platform == "cpu":
        return cpu_name(_number_of_threads())
    return f"{device().platform}:{device().id} ({device().device_kind})"


def _number_of_threads() -> int:
    """What the user has told XLA, else as many as the other backends take."""
    given = [os.environ[name] for name in _THREADS if os.environ.get(name, "").isdecimal()]
    return int(given[0]) if given else number_of_threads()


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Within it a variable of the environment has a value."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
