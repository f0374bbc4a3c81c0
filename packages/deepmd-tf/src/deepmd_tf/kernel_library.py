# SPDX-License-Identifier: LGPL-3.0-or-later
"""Loading the compiled kernels."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from deepmd_dp.kit.kernels import find_library, warn_without_kernels

if TYPE_CHECKING:
    from types import ModuleType


@cache
def load_library() -> ModuleType | None:
    """The operators, by the library for this release of TensorFlow; where there is none, warn once and say why.

    A library for another release may load all the same and crash later, so the release is part of its name.
    """
    release = "_".join(tf.__version__.split(".")[:2])
    try:
        return tf.load_op_library(str(find_library("deepmd-tf", f"libdeepmd_tf_ops_{release}", Path(__file__).parent)))
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        warn_without_kernels("deepmd-tf", f"TensorFlow {tf.__version__}", error)
        return None
