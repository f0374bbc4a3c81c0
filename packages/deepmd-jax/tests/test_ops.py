# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fused kernels against the plain form, with their first and second derivatives."""

from __future__ import annotations

import itertools
import subprocess
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.nn.network import Layer
from deepmd_jax import kernel_library, ops
from deepmd_jax.arrays import double_precision, from_numpy
from deepmd_jax.pytree import register_modules

WIDTHS = [[1, 25, 50, 100], [1, 4, 8, 8], [1, 1, 2, 3], [1, 7, 7, 14, 9]]


@pytest.fixture(autouse=True)
def _in_double():
    with double_precision():
        register_modules()
        yield


def make_layers(widths, activation="tanh", idt=False, bias=True, dtype=np.float64):
    rng = np.random.default_rng(0)

    def leaf(*shape):
        return from_numpy((rng.normal(size=shape) / np.sqrt(sum(shape))).astype(dtype))

    return tuple(
        Layer(
            w=leaf(nin, nout),
            b=leaf(nout) if bias else None,
            idt=leaf(nout) if idt else None,
            activation_function=activation,
            resnet=True,
        )
        for nin, nout in itertools.pairwise(widths)
    )


def make_rows(natoms=9, nnei=21, dtype=np.float64):
    """x, r, weights; each atom has another number of neighbors, one has none, some in between do not count."""
    rng = np.random.default_rng(1)
    used = np.arange(nnei) < rng.integers(1, nnei + 1, (natoms, 1))
    used[0] = False
    used[:, 2] = False
    values = rng.normal(size=(natoms, nnei, 1)), rng.normal(size=(natoms, nnei, 4)), used[..., None]
    return tuple(from_numpy(value.astype(dtype)) for value in values)


def training_quantities(function, rows, layers):
    """Moments, forces, and the gradients of a loss of both by all that enters."""
    x, r, weights = rows

    def energy(x, r, layers):
        return jnp.sum(jnp.sin(function(x, r, weights, layers)))

    def loss(x, r, layers):
        value, forces = jax.value_and_grad(energy, argnums=(0, 1))(x, r, layers)
        return 0.1 * value**2 + sum(jnp.sum(force**3) for force in forces)

    forces = jax.jit(jax.grad(energy, argnums=(0, 1)))(x, r, layers)
    second = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(x, r, layers)
    first = jax.jit(jax.grad(energy, argnums=2))(x, r, layers)
    return jax.tree.leaves((function(x, r, weights, layers), forces, second, first))


def assert_agree(rows, layers, rtol, **options):
    assert ops.is_fused(*rows, layers)
    actual = training_quantities(ops.embedding_moments, rows, layers)
    expected = training_quantities(plain_ops.embedding_moments.plain, rows, layers)
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        assert a.dtype == e.dtype
        assert jnp.max(jnp.abs(a - e)) <= rtol * max(1.0, float(jnp.max(jnp.abs(e))))


@pytest.mark.parametrize(("widths", "idt"), list(zip(WIDTHS, [False, True] * 2, strict=True)), ids=str)
def test_training_derivatives_are_the_plain_forms(widths, idt):
    assert_agree(make_rows(), make_layers(widths, idt=idt), 1e-12)


@pytest.mark.parametrize("activation", ["none", "relu", "sigmoid", "silu", "gelu_tf"])
def test_activations(activation):
    assert_agree(make_rows(), make_layers([1, 5, 10], activation), 1e-12)


def test_without_bias():
    assert_agree(make_rows(), make_layers([1, 5, 10], bias=False), 1e-12)


def test_float32():
    assert_agree(make_rows(dtype=np.float32), make_layers([1, 5, 10], dtype=np.float32), 2e-5)


def test_many_atoms_on_all_threads():
    rows, layers = make_rows(natoms=1001), make_layers([1, 5, 10])
    for _ in range(5):
        found = jax.jit(ops.embedding_moments)(*rows, layers)
        assert jnp.max(jnp.abs(found - plain_ops.embedding_moments.plain(*rows, layers))) < 1e-12


def test_derivative_of_the_parameters_gradient():
    """No training needs it; it is the plain form's."""
    rows, layers = make_rows(natoms=3, nnei=5), make_layers([1, 3, 6])

    def norm(layers, function):
        gradient = jax.grad(lambda values: jnp.sum(jnp.sin(function(*rows, values))))(layers)
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient))

    found, expected = (
        jax.tree.leaves(jax.grad(norm)(layers, f)) for f in (ops.embedding_moments, plain_ops.embedding_moments.plain)
    )
    for a, e in zip(found, expected, strict=True):
        assert jnp.max(jnp.abs(a - e)) < 1e-11


def calls(function, *arguments) -> set[str]:
    text = jax.jit(function).lower(*arguments).compile().as_text()
    return {call for call in kernel_library.CALLS if f'"{kernel_library.target(call)}"' in text}


def test_forces_alone_compute_no_gradient_of_parameters():
    (x, r, weights), layers = make_rows(), make_layers([1, 5, 10])

    def energy(x, layers):
        return jnp.sum(ops.embedding_moments(x, r, weights, layers) ** 2)

    assert calls(jax.grad(energy), x, layers) == {"embedding_moments", "moments_force"}
    assert calls(energy, x, layers) == {"embedding_moments"}

    def force_loss(layers):
        return jnp.sum(jax.grad(energy)(x, layers) ** 2)

    assert calls(jax.grad(force_loss), layers) == set(kernel_library.CALLS)


def test_not_fused():
    x, r, weights = make_rows()
    layers = make_layers([1, 3])
    assert not ops.is_fused(jnp.concat([x, x], axis=-1), r, weights, layers)
    assert not ops.is_fused(x.astype(jnp.float32), r, weights, layers)
    assert not ops.is_fused(x, r, weights, make_layers([1, 3], "softplus"))
    assert not ops.is_fused(x[:, :0], r[:, :0], weights[:, :0], layers)


def test_switched_off(monkeypatch):
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not ops.is_fused(*make_rows(), make_layers([1, 3]))


def test_wrong_arrays_are_an_error_of_xla():
    x, r, _ = make_rows()
    call = jax.ffi.ffi_call(kernel_library.target("moments_force"), (jax.ShapeDtypeStruct(x.shape, x.dtype),) * 2)
    count = jnp.full(x.shape[0], x.shape[1] + 1, jnp.int32)
    with pytest.raises(jax.errors.JaxRuntimeError, match="count must be between 0 and nnei"):
        jax.block_until_ready(call(r, count, x, x, x))


def test_without_the_library_one_warning_says_why(monkeypatch):
    def missing(*_):
        raise OSError("libfoo.so: no such file")

    monkeypatch.setattr(kernel_library, "find_library", missing)
    kernel_library.load_library.cache_clear()
    kernel_library._library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match=r"deepmd-jax runs without its fused kernels.*libfoo\.so"):
            assert not ops.is_fused(*make_rows(), make_layers([1, 3]))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            rows, layers = make_rows(), make_layers([1, 3])
            found = ops.embedding_moments(*rows, layers)
        assert jnp.array_equal(found, plain_ops.embedding_moments.plain(*rows, layers))
    finally:
        kernel_library.load_library.cache_clear()
        kernel_library._library.cache_clear()


def test_models_run_on_the_kernels():
    code = (
        "from deepmd_jax import kernel_library as k; import deepmd_jax.ops as o; o.load_ops();"
        "from deepmd_dp import ops; assert ('embedding_moments', 'deepmd_jax.namespace') in ops._overrides"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
