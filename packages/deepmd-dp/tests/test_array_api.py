# SPDX-License-Identifier: LGPL-3.0-or-later
"""The namespace of an array, sizes, constants, and the operations outside the standard."""

from __future__ import annotations

import importlib
import types

import array_api_strict
import autograd
import numpy as np
import pytest

from deepmd_dp.dialect import array_api, operation, ops
from deepmd_dp.dialect.array_api import array_namespace, constant, device, register_namespace, shape


def test_constants_match_their_neighbor(library):
    like = library.xp.asarray(np.ones(3, np.float32))
    made = constant(np.arange(2.0), like)
    assert type(made) is type(like) and made.dtype == like.dtype and device(made) == device(like)
    np.testing.assert_array_equal(library.to_numpy(made), [0.0, 1.0])
    assert shape(made) == (2,)


class Odd(np.ndarray):
    """An array of a library that array-api-compat does not know."""


class Odder(Odd):
    """A subtype of it."""


@pytest.fixture
def odd_namespace():
    namespace = types.ModuleType("odd")
    namespace.shape, namespace.dynamic_shape, namespace.device = (lambda x: ("n", *x.shape[1:])), True, lambda _: "here"
    register_namespace(Odd, namespace)
    yield namespace
    del array_api._registered[Odd]
    array_api._namespace_of_type.cache_clear()


def test_a_registered_namespace_serves_subtypes_too(odd_namespace):
    for kind in (Odd, Odder):
        array = np.zeros((4, 2)).view(kind)
        assert array_namespace(array) is odd_namespace
        assert shape(array) == ("n", 2) and device(array) == "here"
    assert array_namespace(np.zeros(2)) is not odd_namespace


def test_scatter_add(library):
    values = np.arange(24.0).reshape(2, 6, 2)
    index = np.array([[0, 2, 2, -1, 0, 1], [1, 1, 1, 1, -1, -1]])
    expected = np.zeros((2, 3, 2))
    for f, k in np.argwhere(index >= 0):
        expected[f, index[f, k]] += values[f, k]
    out = ops.scatter_add(library.xp.asarray(values), library.xp.asarray(index), 3)
    np.testing.assert_array_equal(library.to_numpy(out), expected)


@pytest.mark.parametrize("width", [(), (4,)], ids=["numbers", "rows"])
def test_gather_rows(library, width):
    array = np.random.default_rng(0).normal(size=(2, 5, *width))
    index = np.array([[[0, 4], [1, 1]], [[3, 2], [2, 0]]])
    expected = np.stack([array[f][index[f]] for f in range(2)])
    out = ops.gather_rows(library.xp.asarray(array), library.xp.asarray(index))
    np.testing.assert_array_equal(library.to_numpy(out), expected)


def test_weighted_softmax(library):
    logits = np.array([[1.0, -2.0, 700.0], [0.5, 3.0, 2.0]])
    weights, rest = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]), np.array([[3.0], [-0.5]])
    terms = np.exp(np.where(weights > 0, logits, 0.0)) * weights
    expected = terms / (terms.sum(axis=-1, keepdims=True) + rest * np.exp(-1.0))
    out = ops.weighted_softmax(*(library.xp.asarray(x) for x in (logits, weights, rest)), -1.0, None)
    np.testing.assert_allclose(library.to_numpy(out), expected, rtol=1e-14)
    bounded = np.minimum(logits, 3.5)
    out = ops.weighted_softmax(*(library.xp.asarray(x) for x in (bounded, weights, rest)), -1.0, 3.5)
    np.testing.assert_allclose(library.to_numpy(out), expected, rtol=1e-14)


def test_weighted_softmax_of_nothing_is_zero(library):
    zeros = library.xp.zeros((1, 3))
    for bound in (None, 0.0):
        out = ops.weighted_softmax(zeros, zeros, library.xp.zeros((1, 1)), -20.0, bound)
        np.testing.assert_array_equal(library.to_numpy(out), np.zeros((1, 3)))


def test_softmax_of_logits_without_bound_and_mask(library):
    logits, rest = np.array([[1.0, -2.0, -1e9], [0.5, 3.0, 2.0]]), np.array([[3.0], [0.0]])
    expected = np.exp(logits) / (np.exp(logits).sum(axis=-1, keepdims=True) + rest * np.exp(-1.0))
    for bound in (None, 0.0):
        out = ops.weighted_softmax(library.xp.asarray(logits), None, library.xp.asarray(rest), -1.0, bound)
        np.testing.assert_allclose(library.to_numpy(out), expected, rtol=1e-14)


def test_softmax_of_low_logits_in_single_precision(library):
    """What does not count must not be the measure: all would be 0, or infinite, beside it."""
    logits = np.array([[-200.0, -201.0, -1e9], [-95.0, -96.0, -97.0], [-1e9, -1e9, -1e9]], np.float32)
    rest = np.array([[0.0], [1.0], [0.0]], np.float32)
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    expected = np.zeros((3, 3))
    expected[0, :2] = np.array([1.0, np.exp(-1.0)]) / (1.0 + np.exp(-1.0))
    for given in (None, library.xp.asarray(weights)):
        out = ops.weighted_softmax(library.xp.asarray(logits), given, library.xp.asarray(rest), -20.0, None)
        np.testing.assert_allclose(library.to_numpy(out), expected, rtol=1e-5, atol=1e-30)


def test_operations_on_rows(library):
    x, y = np.random.default_rng(0).normal(size=(2, 2, 3, 4))
    given = library.xp.asarray(x), library.xp.asarray(y)
    np.testing.assert_allclose(library.to_numpy(ops.matmul_transposed(*given)), x @ y.swapaxes(1, 2), rtol=1e-13)
    np.testing.assert_array_equal(library.to_numpy(ops.scale_rows(given[0], given[1][..., :1])), x * y[..., :1])
    np.testing.assert_allclose(library.to_numpy(ops.squared_length(given[0])), (x**2).sum(axis=-1, keepdims=True))


def test_unit_vectors(library):
    vectors = library.xp.asarray(np.array([[3.0, 0.0, -4.0], [0.0, 0.0, 0.0]]))
    units = library.to_numpy(ops.unit_vectors(vectors))
    np.testing.assert_allclose(units, [[0.6, 0.0, -0.8], [0.0, 0.0, 0.0]], atol=1e-15)


def test_an_override_serves_its_namespace_only():
    arrays = np.ones((1, 2, 1)), np.zeros((1, 2), np.int64)
    namespace = types.SimpleNamespace(__name__="deepmd_dp.no_library")
    ops.override("scatter_add", namespace, lambda *_: np.full((1, 1, 1), 7.0))
    assert ops.scatter_add(*arrays, 1)[0, 0, 0] == 2.0
    register_namespace(Odd, namespace)
    try:
        assert ops.scatter_add(arrays[0].view(Odd), arrays[1], 1)[0, 0, 0] == 7.0
    finally:
        del array_api._registered[Odd], operation._overrides["scatter_add", namespace.__name__]
        array_api._namespace_of_type.cache_clear()


def test_the_traced_namespace_has_the_names_of_the_standard():
    traced = importlib.import_module("deepmd_dp.numpy_backend.namespace")
    own = ("asarray", "astype", "concat", "int64", "matrix_transpose", "permute_dims", "take", "tanh")
    assert all(hasattr(traced, name) for name in own)
    assert [name for name in (*traced.SAME, *own) if not hasattr(array_api_strict, name)] == []


def test_stacked_arrays_have_derivatives():
    traced = importlib.import_module("deepmd_dp.numpy_backend.namespace")
    x = np.array([0.3, -0.7])
    slope = autograd.grad(lambda x: traced.sum(traced.square(traced.stack([x, traced.sin(x)]))))(x)
    np.testing.assert_allclose(slope, 2 * x + 2 * np.sin(x) * np.cos(x), rtol=1e-15)
