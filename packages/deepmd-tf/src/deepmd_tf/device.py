# SPDX-License-Identifier: LGPL-3.0-or-later
"""The device and the threads that TensorFlow works with."""

from __future__ import annotations

import os
from functools import cache

import tensorflow as tf


@cache
def gpus() -> list[str]:
    """The GPUs that TensorFlow uses by itself; ``DEVICE=cpu`` in the environment forbids it.

    The first call also hands OMP_NUM_THREADS, where it is set, to TensorFlow's own threads.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "")
    try:
        if os.environ.get("DEVICE") == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if threads.isdigit():
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    except RuntimeError:
        # the program has used TensorFlow before us: its settings stay
        pass
    return [each.name for each in tf.config.list_logical_devices("GPU")]


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``/device:GPU:0``."""
    if gpus():
        return gpus()[0]
    threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    return f"cpu ({threads} threads)"
