# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fused kernels against the plain form, with their first and second derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.nn.network import Layer
from deepmd_tf import kernel_library, ops

NATOMS, NNEI, NR = 7, 11, 4


def make_layers(widths, activation="tanh", idt=False, bias=True, dtype=np.float64, resnet=True):
    rng = np.random.default_rng(0)

    def leaf(*shape, scale=1.0):
        return tf.constant(scale * rng.normal(size=shape).astype(dtype), dtype)

    return [
        Layer(
            w=leaf(nin, nout, scale=(nin + nout) ** -0.5),
            b=leaf(nout) if bias else None,
            idt=leaf(nout) if idt else None,
            activation_function=activation,
            resnet=resnet,
        )
        for nin, nout in itertools.pairwise(widths)
    ]


def make_rows(natoms=NATOMS, nnei=NNEI, dtype=np.float64):
    """Input of the net, R and weights; empty slots in between and at the end, a last atom without neighbors."""
    rng = np.random.default_rng(1)
    x, r = (rng.normal(size=(natoms, nnei, width)).astype(dtype) for width in (1, NR))
    weights = (np.arange(nnei) < rng.integers(0, nnei + 1, (natoms, 1))).astype(dtype)[:, :, None]
    weights[:, 1:2] = 0.0
    weights[-1:] = 0.0
    return tuple(tf.constant(each) for each in (x, r, weights))


def parameters(layers):
    return [array for each in layers for array in (each.w, each.b, each.idt) if array is not None]


def quantities(kernel, x, r, weights, layers):
    """M, the derivatives of an energy, the gradients of a loss of both: all that a training needs."""
    params = parameters(layers)
    with tf.GradientTape(watch_accessed_variables=False) as outer:
        outer.watch([x, r, params])
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch([x, r])
            m = kernel(x, r, weights, layers)
            energy = tf.reduce_sum(tf.sin(m))
        forces = inner.gradient(energy, [x, r])
        loss = 0.1 * energy**2 + sum(tf.reduce_sum(each**3) for each in forces)
    return [m, *forces, *outer.gradient(loss, [x, r, *params])]


def in_graph(kernel, x, r, weights, layers):
    """The same by a graph with open sizes."""
    signature = [tf.TensorSpec([None, None, each.shape[2]], each.dtype) for each in (x, r, weights)]

    def run(*rows):
        with ops.fused_kernels():
            return quantities(kernel, *rows, layers)

    return tf.function(run, input_signature=signature, autograph=False)(x, r, weights)


def assert_agree(actual, expected, rtol=1e-12):
    for mine, theirs in zip(actual, expected, strict=True):
        mine, theirs = np.asarray(mine, np.float64), np.asarray(theirs, np.float64)
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max(initial=0.0) <= rtol * max(1.0, np.abs(theirs).max(initial=0.0))


def is_fused(x, layers):
    """In a graph for training."""
    with tf.Graph().as_default(), ops.fused_kernels():
        return ops.is_fused(tf.compat.v1.placeholder(x.dtype, [None, None, x.shape[2]]), layers)


def check(layers, rows, rtol=1e-12):
    assert is_fused(rows[0], layers)
    expected = quantities(plain_ops.embedding_moments.plain, *rows, layers)
    assert max(float(tf.reduce_max(tf.abs(each))) for each in expected) > 0.1
    assert_agree(in_graph(ops.embedding_moments, *rows, layers), expected, rtol)


@pytest.mark.parametrize("widths", [[1, 25, 50, 100], [1, 4, 8, 8], [1, 1, 2, 3], [1, 130]], ids=str)
def test_training_derivatives_are_the_plain_forms(widths):
    check(make_layers(widths, idt=True), make_rows())


@pytest.mark.parametrize("activation", ["none", "relu", "sigmoid", "silu", "gelu"])
def test_activations(activation):
    check(make_layers([1, 5, 10], activation), make_rows())


def test_without_bias_and_skip_connection():
    check(make_layers([1, 6, 12], bias=False, resnet=False), make_rows())


def test_float32():
    layers, rows = make_layers([1, 25, 50], dtype=np.float32), make_rows(dtype=np.float32)
    fused = in_graph(ops.embedding_moments, *rows, layers)
    assert all(each.dtype == tf.float32 for each in fused)
    exact = make_layers([1, 25, 50])
    assert_agree(fused, quantities(plain_ops.embedding_moments.plain, *make_rows(), exact), 2e-5)


@pytest.mark.parametrize(("natoms", "nnei"), [(0, 5), (3, 0), (300, 40)])
def test_other_sizes(natoms, nnei):
    layers, rows = make_layers([1, 4, 8]), make_rows(natoms, nnei)
    expected = quantities(plain_ops.embedding_moments.plain, *rows, layers)
    assert_agree(in_graph(ops.embedding_moments, *rows, layers), expected)


def test_finite_differences_of_the_second_derivatives():
    """Of the loss by its parameters, without the plain form's help."""
    layers, rows = make_layers([1, 3, 6]), make_rows()
    params = parameters(layers)
    directions = [tf.constant(np.random.default_rng(k).normal(size=p.shape)) for k, p in enumerate(params)]

    def loss(step):
        moved = iter(p + step * d for p, d in zip(params, directions, strict=True))
        layers_there = [Layer(w=next(moved), b=next(moved), activation_function="tanh", resnet=True) for _ in layers]
        m, gx, gr, *_ = in_graph(ops.embedding_moments, *rows, layers_there)
        return float(0.1 * tf.reduce_sum(tf.sin(m)) ** 2 + tf.reduce_sum(gx**3) + tf.reduce_sum(gr**3))

    gradients = in_graph(ops.embedding_moments, *rows, layers)[5:]
    expected = sum(float(tf.reduce_sum(g * d)) for g, d in zip(gradients, directions, strict=True))
    assert (loss(1e-5) - loss(-1e-5)) / 2e-5 == pytest.approx(expected, rel=1e-7)


def operators_of(function, *rows):
    graph = tf.function(function, autograph=False).get_concrete_function(*rows).graph
    return [op.type for op in graph.get_operations() if op.type.startswith("Deepmd")]


def test_forces_alone_need_no_way_back_through_the_net():
    """In an energy's derivative G and dG have no gradient of their own, which is told by the graph."""
    layers, (x, r, weights) = make_layers([1, 4, 8]), make_rows()

    def force(x):
        with ops.fused_kernels(), tf.GradientTape() as tape:
            tape.watch(x)
            energy = tf.reduce_sum(ops.embedding_moments(x, r, weights, layers))
        return tape.gradient(energy, x)

    graph = tf.function(force, autograph=False).get_concrete_function(x).graph
    seen, todo = set(), [graph.outputs[0].op]
    while todo:
        op = todo.pop()
        if op.name not in seen:
            seen.add(op.name)
            todo += [tensor.op for tensor in op.inputs]
    needed = sorted(op.type for op in graph.get_operations() if op.name in seen and op.type.startswith("Deepmd"))
    assert needed == ["DeepmdEmbeddingMoments", "DeepmdMomentsForce"]


@pytest.mark.parametrize(
    ("layers", "width"),
    [(make_layers([2, 4]), 2), (make_layers([1, 4], "softplus"), 1), (make_layers([1, 4], dtype=np.float32), 1)],
    ids=["two inputs", "another function", "other precision"],
)
def test_plain_form_where_the_kernels_do_not_fit(layers, width):
    rows = tf.zeros((NATOMS, NNEI, width), tf.float64)
    assert not is_fused(rows, layers)


def test_plain_form_outside_of_a_training():
    x, r, weights = make_rows()
    layers = make_layers([1, 4])
    assert operators_of(lambda x: ops.embedding_moments(x, r, weights, layers), x) == []
    with ops.fused_kernels():
        assert not ops.is_fused(x, layers)  # eagerly


def test_switch(monkeypatch):
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not is_fused(make_rows()[0], make_layers([1, 4]))


def test_no_derivative_by_the_weights():
    x, r, weights = make_rows()

    def derivative(weights):
        with ops.fused_kernels(), tf.GradientTape() as tape:
            tape.watch(weights)
            m = ops.embedding_moments(x, r, weights, make_layers([1, 4]))
        return tape.gradient(m, weights)

    with pytest.raises(NotImplementedError, match="DP_PLAIN_OPS=1"):
        tf.function(derivative, autograph=False)(weights)


def test_wrong_arguments_are_refused():
    operators = kernel_library.load_library()
    x, r, _ = make_rows()
    (layer,) = make_layers([1, 4])
    arguments = dict(x=x, r=r, params=[layer.w, layer.b], spec=[1, 1, 0, 1], with_jet=True)
    count = tf.fill([NATOMS], NNEI)
    with pytest.raises(tf.errors.InvalidArgumentError, match="count must be between 0 and nnei"):
        operators.deepmd_embedding_moments(**arguments, count=count + 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="x has a wrong shape"):
        operators.deepmd_embedding_moments(**arguments | {"x": x[1:]}, count=count)
    with pytest.raises(tf.errors.InvalidArgumentError, match="fewer parameters"):
        operators.deepmd_embedding_moments(**arguments | {"params": [layer.w]}, count=count)


@pytest.fixture
def new_library():
    """The library as if it had not been loaded yet."""
    kernel_library.load_library.cache_clear()
    yield
    kernel_library.load_library.cache_clear()


def message_of_loading() -> str:
    with pytest.warns(RuntimeWarning) as caught:
        assert kernel_library.load_library() is None
    assert kernel_library.load_library() is None  # a second warning would be an error
    (warning,) = caught
    return str(warning.message)


@pytest.mark.usefixtures("new_library")
def test_one_warning_where_the_library_is_for_another_release(monkeypatch):
    monkeypatch.setattr(tf, "__version__", "2.999.0")
    message = message_of_loading()
    assert message.startswith("deepmd-tf runs without its fused kernels, which is slower: libdeepmd_tf_ops-2.999 ")
    assert "DP_PLAIN_OPS=1" in message


@pytest.mark.usefixtures("new_library")
def test_one_warning_where_the_library_is_damaged(monkeypatch, tmp_path):
    (tmp_path / "damaged.so").write_bytes(b"no library")
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: tmp_path / "damaged.so")
    assert "damaged.so" in message_of_loading()
