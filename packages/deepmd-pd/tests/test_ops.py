# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fused kernels against the plain form, with their first and second derivatives."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.nn.network import Layer
from deepmd_pd import arrays, kernel_library, ops
from deepmd_pd.framework import paddle

WIDTHS = [[1, 25, 50, 100], [1, 4, 8, 8], [1, 1, 2, 3], [1, 130]]
ACTIVATIONS = ["tanh", "none", "relu", "sigmoid", "silu", "gelu"]


def variable(array, dtype="float64"):
    tensor = arrays.from_numpy(np.asarray(array, dtype))
    tensor.stop_gradient = False
    return tensor


class Example:
    """Tensors of an operation: x, r, weights, and the layers of a net."""

    def __init__(self, widths, activation="tanh", idt=False, natoms=5, nnei=7, dtype="float64", has_bias=True):
        rng = np.random.default_rng(0)
        r = rng.normal(size=(natoms, nnei, 4))
        self.r = variable(r, dtype)
        weights = (np.arange(nnei) < rng.integers(0, nnei + 1, (natoms, 1)))[..., None]
        weights[0] = False
        self.weights = arrays.from_numpy(weights.astype(dtype))
        self.layers = [
            Layer(
                w=variable(rng.normal(size=(nin, nout)) / np.sqrt(nin + nout), dtype),
                b=variable(rng.normal(size=nout), dtype) if has_bias else None,
                idt=variable(rng.normal(size=nout), dtype) if idt else None,
                activation_function=activation,
                resnet=True,
            )
            for nin, nout in itertools.pairwise(widths)
        ]

    @property
    def params(self):
        return [t for each in self.layers for t in (each.w, each.b, each.idt) if t is not None]

    def is_fused(self) -> bool:
        return ops.is_fused(self.r[..., :1], self.r, self.weights, self.layers)

    def moments(self, operation):
        return operation(self.r[..., :1] * 1.1, self.r, self.weights, self.layers)

    def quantities(self, operation) -> list[np.ndarray]:
        """Moments, derivative of an energy, and all derivatives of a loss of both."""
        moments = self.moments(operation)
        energy = paddle.sin(moments).sum()
        (force,) = paddle.grad(energy, [self.r], create_graph=True)
        loss = 0.1 * energy**2 + (force * force * force).sum()
        return [t.numpy() for t in (moments, force, *paddle.grad(loss, [self.r, *self.params]))]


def assert_as_plain(example, tolerance=1e-12):
    assert example.is_fused()
    expected = example.quantities(plain_ops.embedding_moments.plain)
    for mine, theirs in zip(example.quantities(ops.embedding_moments), expected, strict=True):
        assert mine.shape == theirs.shape
        assert np.abs(mine - theirs).max() <= tolerance * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("idt", [False, True])
def test_all_derivatives_are_the_plain_forms(widths, idt):
    assert_as_plain(Example(widths, idt=idt))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    assert_as_plain(Example([1, 5, 10], activation))


def test_other_sizes():
    assert_as_plain(Example([1, 6, 12], natoms=70, nnei=66))
    assert_as_plain(Example([1, 6, 12], natoms=1, nnei=1))
    assert_as_plain(Example([1, 6, 12], has_bias=False))


def test_float32():
    single, double = Example([1, 25, 50], dtype="float32"), Example([1, 25, 50])
    assert single.is_fused()
    for mine, theirs in zip(
        single.quantities(ops.embedding_moments), double.quantities(plain_ops.embedding_moments.plain), strict=True
    ):
        assert mine.dtype == np.float32
        assert np.abs(mine - theirs).max() <= 3e-5 * max(1.0, np.abs(theirs).max())


def test_second_derivative_by_the_displacements_only():
    """Where the parameters are constants, as in a Hessian."""
    example = Example([1, 6, 12])
    for each in example.params:
        each.stop_gradient = True

    def hessian_row(operation):
        (force,) = paddle.grad(paddle.sin(example.moments(operation)).sum(), [example.r], create_graph=True)
        return paddle.grad((force * force).sum(), [example.r])[0].numpy()

    expected = hessian_row(plain_ops.embedding_moments.plain)
    assert np.abs(hessian_row(ops.embedding_moments) - expected).max() < 1e-12 * np.abs(expected).max()


def test_gradient_of_the_parameters_alone():
    """Of an energy, without forces."""
    example = Example([1, 6, 12])
    first, second = (
        paddle.grad(paddle.sin(example.moments(operation)).sum(), example.params)
        for operation in (ops.embedding_moments, plain_ops.embedding_moments.plain)
    )
    for mine, theirs in zip(first, second, strict=True):
        assert np.abs((mine - theirs).numpy()).max() < 1e-12


def test_forces_do_not_ask_for_the_gradient_of_the_parameters(monkeypatch):
    example, called = Example([1, 6, 12]), []
    original = kernel_library.call
    monkeypatch.setattr(
        "deepmd_pd.embedding_moments.call", lambda name, *rest: called.append(name) or original(name, *rest)
    )
    paddle.grad(example.moments(ops.embedding_moments).sum(), [example.r], create_graph=True)
    assert called == ["embedding_moments", "moments_force"]


def test_a_third_derivative_is_refused():
    example = Example([1, 6, 12])
    (force,) = paddle.grad(paddle.sin(example.moments(ops.embedding_moments)).sum(), [example.r], create_graph=True)
    with pytest.raises(Exception, match="set DP_PLAIN_OPS=1 for higher ones"):
        paddle.grad((force * force).sum(), [example.r], create_graph=True)


def test_the_same_to_the_bit_for_any_number_of_threads(monkeypatch):
    example, results = Example([1, 25, 50], natoms=64, nnei=40), []
    for nthreads in (1, 2, 5):
        monkeypatch.setattr("deepmd_pd.embedding_moments.NUM_THREADS", nthreads)
        results.append(example.quantities(ops.embedding_moments))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_wrong_arguments_are_errors():
    example = Example([1, 6, 12])
    x = example.r[..., :1].contiguous()

    def run(count, spec):
        kernel_library.call("embedding_moments", x, example.r, count, example.params, spec, True, 1)

    with pytest.raises(Exception, match="there are more parameters than spec says"):
        run(None, [1, 0, 0, 1])
    with pytest.raises(Exception, match="count must be between 0 and nnei"):
        run(paddle.to_tensor([9, 0, 0, 0, 0], dtype="int32"), [1, 1, 0, 1] * 2)


def test_what_the_kernels_do_not_know_goes_the_plain_way(monkeypatch):
    assert not Example([1, 6], "softplus").is_fused()
    example = Example([1, 6])
    example.weights.stop_gradient = False
    assert not example.is_fused()
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not Example([1, 6]).is_fused()


def test_without_the_library_there_is_one_warning(monkeypatch):
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: "/nowhere/libdeepmd_pd_ops.so")
    kernel_library.load_library.cache_clear()
    example = Example([1, 6])
    try:
        with pytest.warns(RuntimeWarning, match="deepmd-pd runs without its fused kernels") as caught:
            example.moments(ops.embedding_moments)
        assert "/nowhere" in str(caught[0].message)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            example.moments(ops.embedding_moments)
    finally:
        kernel_library.load_library.cache_clear()
