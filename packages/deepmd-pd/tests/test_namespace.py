# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every function of the namespace against NumPy, and its second derivative against finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.dialect import ops
from deepmd_pd import arrays, derivative  # noqa: F401  derivative brings scatter_add
from deepmd_pd import namespace as xp
from deepmd_pd.framework import paddle
from deepmd_pd.graph import exact_numbers

ROWS = np.array([2, 0, 1, 1, 3])
COLUMNS = np.array([[0, 1], [2, 0], [1, 1], [0, 2]])
X = np.random.default_rng(0).normal(size=(4, 3))


def of(array):
    return arrays.from_numpy(np.asarray(array))


FUNCTIONS = {
    "abs": (xp.abs, np.abs),
    "exp": (xp.exp, np.exp),
    "log1p": (lambda x: xp.log1p(x * x), lambda x: np.log1p(x * x)),
    "sqrt": (lambda x: xp.sqrt(x * x + 1.0), lambda x: np.sqrt(x * x + 1.0)),
    "tanh": (xp.tanh, np.tanh),
    "sum": (lambda x: xp.sum(x, axis=1, keepdims=True), lambda x: np.sum(x, axis=1, keepdims=True)),
    "mean": (lambda x: xp.mean(x, axis=-1), lambda x: np.mean(x, axis=-1)),
    "max": (lambda x: xp.max(x, axis=-1, keepdims=True), lambda x: np.max(x, axis=-1, keepdims=True)),
    "max of columns": (lambda x: xp.max(x, axis=0), lambda x: np.max(x, axis=0)),
    "where": (lambda x: xp.where(x > 0, x * x, -x), lambda x: np.where(x > 0, x * x, -x)),
    "concat": (lambda x: xp.concat([x, x * x], axis=-1), lambda x: np.concatenate([x, x * x], axis=-1)),
    "concat with a constant": (
        lambda x: xp.concat([x, of(X[:, :1])], axis=-1),
        lambda x: np.concatenate([x, X[:, :1]], axis=-1),
    ),
    "matmul": (lambda x: xp.matmul(x, xp.matrix_transpose(x)), lambda x: x @ x.T),
    "take": (lambda x: xp.take(x, of(ROWS), axis=0), lambda x: x[ROWS]),
    "take of columns": (lambda x: xp.take(x, of(COLUMNS[1]), axis=1), lambda x: x[:, COLUMNS[1]]),
    "take_along_axis": (
        lambda x: xp.take_along_axis(x, of(COLUMNS), axis=1),
        lambda x: np.take_along_axis(x, COLUMNS, axis=1),
    ),
    "broadcast_to": (
        lambda x: xp.broadcast_to(x[:, None, :], (4, 5, 3)),
        lambda x: np.broadcast_to(x[:, None, :], (4, 5, 3)),
    ),
    "reshape": (lambda x: xp.reshape(x, (3, -1)), lambda x: x.reshape(3, -1)),
    "slices": (lambda x: x[..., :2][:, 1:], lambda x: x[..., :2][:, 1:]),
    "quotient": (lambda x: 1.0 / (x * x + 1.0) + x / (x * x + 2.0), lambda x: 1.0 / (x * x + 1.0) + x / (x * x + 2.0)),
    "permute_dims": (
        lambda x: xp.permute_dims(x[:, None, :], (2, 0, 1)),
        lambda x: np.transpose(x[:, None, :], (2, 0, 1)),
    ),
    "where with a number": (lambda x: xp.where(x > 0, x * x, 0.3), lambda x: np.where(x > 0, x * x, 0.3)),
    "maximum": (lambda x: xp.maximum(x * x, xp.cos(x)), lambda x: np.maximum(x * x, np.cos(x))),
    "minimum with a number": (lambda x: xp.minimum(0.1, x), lambda x: np.minimum(0.1, x)),
    "inverse square root": (lambda x: 1.0 / xp.sqrt(xp.square(x) + 0.1), lambda x: 1.0 / np.sqrt(x * x + 0.1)),
    "log": (lambda x: xp.log(x * x + 0.1), lambda x: np.log(x * x + 0.1)),
    "acos": (lambda x: xp.acos(0.9 * xp.tanh(x)), lambda x: np.arccos(0.9 * np.tanh(x))),
    "sign": (lambda x: xp.sign(x) * x * x, lambda x: np.sign(x) * x * x),
    "created": (
        lambda x: x * xp.full((3,), 0.1) + xp.zeros((4, 1)),
        lambda x: x * 0.1,
    ),
    "scatter_add": (
        lambda x: ops.scatter_add(x[None], of([[0, -1, 1, 1]]), 3),
        lambda x: np.stack([x[0], x[2] + x[3], np.zeros(3)])[None],
    ),
    "gather_rows": (lambda x: ops.gather_rows(x[None], of([[[0, 3], [1, 1]]])), lambda x: x[[[[0, 3], [1, 1]]]]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name):
    mine, theirs = FUNCTIONS[name]
    expected = theirs(X)
    found = mine(of(X)).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-15 * max(1.0, np.abs(expected).max())


class Recorded(paddle.nn.Layer):
    """Value and first derivative of a function in a graph whose rows are not counted yet."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def forward(self, x, weights):
        return self._record(x, weights)

    @paddle.jit.not_to_static
    def _record(self, x, weights):
        x.stop_gradient = False
        with exact_numbers():
            y = self._function(x)
            (gradient,) = paddle.grad((y * y * weights).sum(), [x])
        return y, gradient


@pytest.mark.filterwarnings("ignore::UserWarning")  # paddle's, of its own use of what a graph does not have
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_a_graph(name, tmp_path):
    function, _ = FUNCTIONS[name]
    x = of(X)
    x.stop_gradient = False
    y = function(x)
    weights = of(np.random.default_rng(1).normal(size=y.shape))
    (gradient,) = paddle.grad((y * y * weights).sum(), [x])
    specs = [paddle.static.InputSpec(size, "float64") for size in ([None, 3], [None, *y.shape[1:]])]
    layer = paddle.jit.to_static(Recorded(function), full_graph=True, input_spec=specs)
    paddle.jit.save(layer, str(tmp_path / "graph"))
    with paddle.no_grad():
        recorded = paddle.jit.load(str(tmp_path / "graph"))(of(X), weights)
    for found, expected in zip(recorded, (y, gradient), strict=True):
        assert found.shape == expected.shape
        assert np.abs(found.numpy() - expected.numpy()).max() < 1e-14


def gradient_loss(function, x: np.ndarray, p: np.ndarray):
    """A number made of a derivative by x, with the tensors x and p."""
    x, p = of(x), of(p)
    x.stop_gradient = p.stop_gradient = False
    y = function(x * p)
    weights = of(np.random.default_rng(1).normal(size=y.shape))
    (gradient,) = paddle.grad((y * y * weights).sum(), [x], create_graph=True)
    return (gradient * gradient).sum(), x, p


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name):
    function, _ = FUNCTIONS[name]
    rng = np.random.default_rng(2)
    point, direction, step = rng.normal(size=X.shape), rng.normal(size=X.shape), 1e-5
    loss, x, p = gradient_loss(function, X, point)
    slope = np.sum(paddle.grad(loss, [p, x])[0].numpy() * direction)
    plus, minus = (float(gradient_loss(function, X, point + sign * step * direction)[0]) for sign in (1, -1))
    assert abs((plus - minus) / (2 * step) - slope) < 1e-6 * max(1.0, abs(slope))


def test_types():
    x = of(np.arange(3))
    assert xp.astype(x, paddle.float64).dtype == paddle.float64
    assert xp.asarray(np.ones(2), dtype=paddle.float32).dtype == paddle.float32
    assert xp.arange(4).numpy().tolist() == [0, 1, 2, 3]
    assert xp.equal(x, of([0, 5, 2])).numpy().tolist() == [True, False, True]
    assert xp.shape(of(X)) == (4, 3)
    assert xp.arange(1, 8, 3).numpy().tolist() == [1, 4, 7]
    assert xp.arange(2, dtype=xp.float64).dtype == xp.full((), 1.0).dtype == xp.asarray(1.0).dtype == xp.float64
    assert xp.full((2,), 3, device=xp.device(x)).dtype == xp.int64
    assert xp.zeros((), dtype=xp.float32).dtype == xp.float32


def test_numbers_and_truths():
    x = of(np.array([[0, 3, 1], [2, 0, 0]]))
    assert (xp.argmax(x, 1).numpy().tolist(), xp.argmin(x, 1).numpy().tolist()) == ([1, 0], [0, 1])
    assert xp.any(xp.logical_and(x > 1, xp.not_equal(x, 3)), axis=1).numpy().tolist() == [False, True]
    assert xp.all(xp.logical_or(xp.less(x, of(4)), xp.isnan(of(0.0)))).item()
    assert (xp.floor(of(1.6)).item(), xp.round(of(1.6)).item()) == (1.0, 2.0)


def test_small_arguments_of_log1p():
    tiny = np.array([1e-18, -1e-12, 1e-9])
    assert xp.log1p(of(tiny)).numpy() == pytest.approx(np.log1p(tiny), rel=1e-15)
