# SPDX-License-Identifier: LGPL-3.0-or-later
"""The functions whose TensorFlow form needed care: sizes, products, rows and their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_dp.dialect import ops as plain_ops
from deepmd_tf import namespace, ops

RNG = np.random.default_rng(2)


def test_known_sizes_are_numbers():
    assert namespace.shape(tf.zeros((2, 3))) == (2, 3)


def test_unknown_sizes_can_be_reshaped_to():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.float64)], autograph=False)
    def swap(x):
        nframes, natoms, width = namespace.shape(x)
        assert width == 3
        return namespace.reshape(x, (natoms, nframes, width))

    for size in ((2, 5, 3), (4, 1, 3)):
        assert swap(tf.zeros(size, tf.float64)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("lead", [(), (5,), (2, 5)], ids=str)
def test_rows_times_a_matrix(lead):
    x, w = RNG.normal(size=(*lead, 4, 3)), RNG.normal(size=(3, 2))
    assert np.allclose(namespace.matmul(tf.constant(x), tf.constant(w)), x @ w, rtol=1e-14)


def test_rows_are_taken_with_dense_derivatives():
    """First and second, where an index comes twice and another never."""
    x, index = tf.constant(RNG.normal(size=(4, 3))), tf.constant([2, 0, 2, 3])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            energy = tf.reduce_sum(namespace.take(x, index) ** 3)
        force = inner.gradient(energy, x)
        assert isinstance(force, tf.Tensor)
        loss = tf.reduce_sum(force**2)
    times = np.array([1.0, 0.0, 2.0, 1.0])[:, None]
    assert np.allclose(force, 3.0 * times * x**2)
    assert np.allclose(outer.gradient(loss, x), 36.0 * times**2 * x**3)


@pytest.mark.parametrize("name", ["scatter_add", "gather_rows"])
def test_overrides_give_the_plain_forms_numbers(name):
    if name == "scatter_add":
        arguments = RNG.normal(size=(2, 6, 3)), np.array([[0, 3, -1, 3, 1, 0], [-1, -1, 2, 2, 0, 3]]), 4
        expected = plain_ops.scatter_add.plain(*arguments)
        values, index, size = arguments
        mine = ops.scatter_add(tf.constant(values), tf.constant(index), size)
    else:
        arguments = RNG.normal(size=(2, 6, 3)), RNG.integers(0, 6, (2, 4, 5))
        expected = plain_ops.gather_rows.plain(*arguments)
        mine = plain_ops.gather_rows(*map(tf.constant, arguments))
    assert np.allclose(mine, expected, rtol=1e-14)
