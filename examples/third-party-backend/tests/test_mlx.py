# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where MLX deviates; when this fails, `deepmd_mlx.namespace.exp` can be deleted."""

import mlx.core as mx
import numpy as np

from deepmd_mlx import arrays, namespace

X = np.linspace(-3.0, 3.0, 101)


def error_of(function) -> float:
    return float(np.max(np.abs(arrays.to_numpy(function(arrays.from_numpy(X))) / np.exp(X) - 1.0)))


def test_exponential_of_mlx_is_that_of_float32():
    assert error_of(mx.exp) > 1e-9
    assert error_of(namespace.exp) < 1e-15
