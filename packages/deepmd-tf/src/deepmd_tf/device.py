# SPDX-License-Identifier: LGPL-3.0-or-later
"""The device and the threads that TensorFlow works with."""

from __future__ import annotations

import os
from functools import cache

import tensorflow as tf

from deepmd_dp.kit.threads import cpu_name, number_of_threads


@cache
def gpus() -> list[str]:
    """The GPUs that TensorFlow uses by itself; ``DEVICE=cpu`` in the environment forbids it.

    The first call also says how many threads of its own TensorFlow takes.
    """
    try:
        if os.environ.get("DEVICE") == "cpu":
            tf.config.set_visible_devices([], "GPU")
        if not tf.config.threading.get_intra_op_parallelism_threads():  # 0: nobody has set it
            tf.config.threading.set_intra_op_parallelism_threads(number_of_threads())
    except RuntimeError:
        # the program has used TensorFlow before us: its settings stay
        pass
    return [each.name for each in tf.config.list_logical_devices("GPU")]


def device_name() -> str:
    """The device for people: ``cpu (2 threads)``, ``/device:GPU:0``."""
    if gpus():
        return gpus()[0]
    return cpu_name(tf.config.threading.get_intra_op_parallelism_threads() or number_of_threads())
