# SPDX-License-Identifier: LGPL-3.0-or-later
"""The functions of the Array API on tensors of unknown sizes: NumPy's numbers, and derivatives, first and second."""

from __future__ import annotations

import array_api_compat.numpy as np_namespace
import numpy as np
import pytest
import tensorflow as tf

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array_api import shape
from deepmd_tf import namespace

RNG = np.random.default_rng(2)
X = RNG.uniform(0.2, 0.9, (2, 3, 4))
V = RNG.normal(size=X.shape)
STEP = 1e-5

DIFFERENTIABLE = {
    "abs": lambda xp, x: xp.abs(x - 0.5),
    "acos": lambda xp, x: xp.acos(x) + xp.asin(x) * xp.atan(x) + xp.atan2(x, 2.0 * x * x),
    "add": lambda xp, x: xp.multiply(xp.add(x, x * x), xp.subtract(x, xp.divide(x, x + 1.0))),
    "broadcast_to": lambda xp, x: xp.broadcast_to(x[:, None, :, :], (shape(x)[0], 5, *shape(x)[1:])),
    "clip": lambda xp, x: xp.clip(x * x, 0.1, 0.5),
    "concat": lambda xp, x: xp.concat([x, x * x, x], axis=1),
    "cos": lambda xp, x: xp.cos(x) * xp.sin(x) + xp.tan(x),
    "cosh": lambda xp, x: xp.cosh(x) * xp.sinh(x) + xp.tanh(x),
    "cumulative_sum": lambda xp, x: xp.cumulative_sum(x * x, axis=1),
    "exp": lambda xp, x: xp.exp(x) * xp.expm1(x),
    "expand_dims": lambda xp, x: xp.expand_dims(x * x, axis=2),
    "flip": lambda xp, x: xp.flip(x * x, axis=-1),
    "full": lambda xp, x: x * xp.full(shape(x), 2.0) + xp.full_like(x, 0.5) * x * x,
    "log": lambda xp, x: xp.log(x) * xp.log1p(x),
    "matmul": lambda xp, x: xp.matmul(x, xp.matrix_transpose(x)),
    "matrix_transpose": lambda xp, x: xp.matrix_transpose(x * x),
    "max": lambda xp, x: xp.max(x * x, axis=1) + xp.min(x, axis=1, keepdims=True)[:, 0, :],
    "maximum": lambda xp, x: xp.maximum(x * x, xp.minimum(x, 0.4 * xp.ones_like(x))),
    "mean": lambda xp, x: xp.mean(x * x, axis=(0, 2), keepdims=True) + xp.mean(x),
    "moveaxis": lambda xp, x: xp.moveaxis(x * x, -1, 0),
    "permute_dims": lambda xp, x: xp.permute_dims(x * x, (2, 0, 1)),
    "pow": lambda xp, x: xp.pow(x, 3.0) + x**2 + x**-1.5,
    "prod": lambda xp, x: xp.prod(x, axis=1),
    "repeat": lambda xp, x: xp.repeat(x * x, 3, axis=1),
    "reshape": lambda xp, x: xp.reshape(x * x, (-1, shape(x)[2])),
    "roll": lambda xp, x: xp.roll(x * x, 1, axis=1),
    "slices": lambda xp, x: x[:, 1:, :2] * x[:, :2, 3:] + x[:, -1:, :1],
    "softmax": lambda xp, x: xp.exp(x) / xp.sum(xp.exp(x), axis=-1, keepdims=True),
    "sort": lambda xp, x: xp.sort(x * x, axis=1),
    "sqrt": lambda xp, x: 1.0 / xp.sqrt(x),
    "square": lambda xp, x: xp.square(xp.negative(x)),
    "squeeze": lambda xp, x: xp.squeeze(x[:, None, :, :] * x[:, None, :, :], axis=1),
    "stack": lambda xp, x: xp.stack([x, x * x], axis=-1),
    "sum": lambda xp, x: xp.sum(x * x, axis=(0, 1)) + xp.sum(x),
    "take": lambda xp, x: xp.take(x * x, xp.asarray([1, 1, 0]), axis=0),
    "take of the last axis": lambda xp, x: xp.take(x * x, xp.asarray([3, 0, 3]), axis=-1),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x * x, xp.astype(x[:, :2, :] > 0.5, xp.int64), axis=1),
    "tile": lambda xp, x: xp.tile(x * x, (1, 2, 1)),
    "unstack": lambda xp, x: xp.unstack(x * x, axis=2)[1],
    "var": lambda xp, x: xp.var(x, axis=2),
    "vecdot": lambda xp, x: xp.vecdot(x, x * x, axis=-1),
    "where": lambda xp, x: xp.where(x > 0.5, x * x, xp.zeros_like(x)) + xp.where(x > 0.3, 0.0, x),
}
OTHERS = {
    "arange": lambda xp, x: xp.arange(shape(x)[1]) + xp.arange(1, 7, 2),
    "argmax": lambda xp, x: xp.argmax(x, axis=1) - xp.argmin(x, axis=1),
    "argsort": lambda xp, x: xp.argsort(x, axis=1, descending=True),
    "ceil": lambda xp, x: xp.ceil(x) + xp.floor(3.0 * x) + xp.round(5.0 * x) + xp.sign(x - 0.5),
    "comparison": lambda xp, x: xp.logical_or(xp.less(x, 0.3), xp.greater_equal(x, 0.6)),
    "comparison with the other ends": lambda xp, x: xp.logical_and(xp.less_equal(x, 0.6), xp.greater(x, 0.3)),
    "equal": lambda xp, x: xp.logical_not(xp.equal(x, x)),
    "eye": lambda xp, x: xp.eye(3) + xp.zeros((3, 3)) + xp.ones((3, 3)) + xp.asarray([1.0, 2.0, 3.0]),
    "finite": lambda xp, x: xp.logical_xor(xp.isfinite(x), xp.isnan(x)),
    "not_equal": lambda xp, x: xp.all(xp.not_equal(x, 0.0), axis=1) & xp.any(x > 0.5, axis=1),
    "remainder": lambda xp, x: xp.remainder(x, 0.25),
    "shapes of numbers": lambda xp, x: xp.zeros(3) + xp.ones(shape(x)[1]) + xp.full(3, 2, dtype=xp.float64),
    "types": lambda xp, x: xp.astype(xp.astype(10.0 * x, xp.int32), xp.float32),
}


def graph_of(function):
    """The function of one tensor as a graph of which only the last size is known."""
    signature = [tf.TensorSpec([None, None, 4], tf.float64)]
    return tf.function(function, input_signature=signature, autograph=False)


@pytest.mark.parametrize("name", [*DIFFERENTIABLE, *OTHERS])
def test_numbers_are_those_of_numpy(name):
    function = (DIFFERENTIABLE | OTHERS)[name]
    expected = np.asarray(function(np_namespace, X))
    found = graph_of(lambda x: function(namespace, x))(X).numpy()
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.allclose(found, expected, rtol=1e-14, atol=1e-15)
    assert np.allclose(function(namespace, tf.constant(X)), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_first_and_second_derivative(name):
    """Along a direction, by central differences; a warning, of sparse gradients for instance, is an error."""
    function = DIFFERENTIABLE[name]

    def slope(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            energy = tf.reduce_sum(function(namespace, x) ** 2)
        gradient = tape.gradient(energy, x)
        assert isinstance(gradient, tf.Tensor)
        return tf.reduce_sum(gradient * V)

    def curvature(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = slope(x)
        return tf.reduce_sum(tape.gradient(value, x) * V)

    ends = [X + STEP * V, X - STEP * V]
    energies = [np.sum(function(np_namespace, x) ** 2) for x in ends]
    slopes = [graph_of(slope)(x).numpy() for x in ends]
    for derivative_of_tf, values in ((graph_of(slope), energies), (graph_of(curvature), slopes)):
        assert np.isclose(derivative_of_tf(X), (values[0] - values[1]) / (2.0 * STEP), rtol=1e-7, atol=1e-7)


def test_known_sizes_are_numbers():
    assert namespace.shape(tf.zeros((2, 3))) == (2, 3)


def test_unknown_sizes_can_be_used_as_sizes():
    @tf.function(input_signature=[tf.TensorSpec([None, None, 3], tf.float64)], autograph=False)
    def swap(x):
        nframes, natoms, width = namespace.shape(x)
        assert width == 3
        return namespace.reshape(x, (natoms, nframes, width)) + namespace.zeros((natoms, nframes, width))

    for size in ((2, 5, 3), (4, 1, 3)):
        assert swap(tf.zeros(size, tf.float64)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("lead", [(), (5,), (2, 5)], ids=str)
def test_rows_times_a_matrix(lead):
    x, w = RNG.normal(size=(*lead, 4, 3)), RNG.normal(size=(3, 2))
    assert np.allclose(namespace.matmul(tf.constant(x), tf.constant(w)), x @ w, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("scatter_add", (RNG.normal(size=(2, 6, 3)), np.array([[0, 3, -1, 3, 1, 0], [-1, -1, 2, 2, 0, 3]]))),
        ("gather_rows", (RNG.normal(size=(2, 6, 3)), RNG.integers(0, 6, (2, 4, 5)))),
        ("outer_products", (RNG.normal(size=(2, 6, 3)), RNG.normal(size=(2, 6, 5)))),
        ("split_switched", (RNG.normal(size=(3, 2, 4)),)),
    ],
)
def test_overrides_give_the_plain_forms_numbers(name, arguments):
    size = (4,) if name == "scatter_add" else ()
    expected = getattr(ops, name).plain(*arguments, *size)
    mine = getattr(ops, name)(*map(tf.constant, arguments), *size)
    assert np.allclose(mine, expected, rtol=1e-14)
