# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operations on kernels, held to their plain forms."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepmd_dp.conformance.moments_cases import KINDS, assert_agree, make_case
from deepmd_dp.dialect import operation
from deepmd_dp.dialect import ops as plain_ops
from deepmd_jax import kernel_library, ops
from deepmd_jax.arrays import from_numpy, full_precision  # with them all operations are registered


@pytest.fixture(autouse=True)
def _in_double():
    with full_precision():
        yield


def converted(arrays):
    return tuple(None if each is None else from_numpy(each) for each in arrays)


def moments_of(case, form):
    """The moments as a function of what they are derived by."""
    constants = converted(case.constants)
    return lambda derived: form(*derived, *constants, **case.keywords)


def quantities(case, form):
    """A, derivatives of an energy of it, and those of a loss of both by coefficients and by the geometry."""
    moments = moments_of(case, form)

    def energy(derived, c):
        return jnp.sum(jnp.sin(moments(derived) * c))

    def loss(derived, c):
        value, forces = jax.value_and_grad(energy)(derived, c)
        return 0.1 * value**2 + sum(jnp.sum(force**2) for force in forces), forces

    @jax.jit
    def run(derived, c):
        gradients, forces = jax.grad(loss, argnums=(0, 1), has_aux=True)(derived, c)
        return moments(derived), *forces, gradients[1], *gradients[0]

    return [np.asarray(each) for each in run(converted(case.derived), from_numpy(case.coefficients()))]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_their_derivatives(kind):
    case = make_case(kind)
    kernel, plain = case.forms()
    assert kernel_library.MOMENTS in str(jax.make_jaxpr(moments_of(case, kernel))(converted(case.derived)))
    assert_agree(quantities(case, kernel), quantities(case, plain), 1e-12)


@pytest.mark.parametrize("kind", ["environment", "switched", "general"])
def test_moments_of_single_precision(kind):
    case = make_case(kind, dtype=np.float32)
    assert_agree(*(quantities(case, form) for form in case.forms()), 1e-4)


def test_third_derivatives():
    case, results = make_case("general", 2, 3), []
    for form in case.forms():
        moments = moments_of(case, form)

        def squares(derived, moments=moments):
            return sum(jnp.sum(each**2) for each in jax.grad(lambda d: jnp.sum(jnp.sin(0.1 * moments(d))))(derived))

        def again(derived, squares=squares):
            return sum(jnp.sum(jnp.sin(each)) for each in jax.grad(squares)(derived))

        results.append([np.asarray(each) for each in jax.jit(jax.grad(again))(converted(case.derived))])
    assert_agree(*results, 1e-6)


def test_a_loss_of_forces_runs_three_passes_and_no_plain_form():
    case = make_case("environment")
    moments = moments_of(case, case.forms()[0])
    derived, c = converted(case.derived), from_numpy(case.coefficients())

    def loss(c):
        return sum(jnp.sum(each**2) for each in jax.grad(lambda d: jnp.sum(jnp.sin(moments(d) * c)))(derived))

    program = jax.jit(jax.grad(loss)).lower(c).compile().as_text()
    assert program.count(f'custom_call_target="{kernel_library.MOMENTS}"') == 3
    assert " dot(" not in program  # which the plain form has


@pytest.mark.parametrize("kind", ["segments", "general segments"])
def test_files_with_open_sizes_hold_the_plain_form(kind):
    case = make_case(kind)
    kernel, plain = case.forms()
    derived, constants = converted(case.derived), converted(case.constants)

    def moments(derived, constants):
        return kernel(*derived, *constants, **case.keywords)

    def shape_of(array):
        sizes = ("n", "nnei", *map(str, array.shape[2:])) if array.shape[1] != 1 else ("n", "1", str(array.shape[2]))
        (shape,) = jax.export.symbolic_args_specs([array], [", ".join(sizes)], scope=scope)
        return shape

    scope = jax.export.SymbolicScope()
    shapes = jax.tree.map(shape_of, (derived, constants))
    exported = jax.export.export(jax.jit(moments))(*shapes)
    assert kernel_library.MOMENTS not in exported.mlir_module()
    expected = plain(*derived, *constants, **case.keywords)
    np.testing.assert_allclose(exported.call(derived, constants), expected, atol=1e-14 * float(jnp.abs(expected).max()))


def test_falls_back_where_the_kernels_cannot_run(monkeypatch):
    vec, other = jnp.zeros((2, 3, 3)), jnp.zeros((2, 3))
    assert ops.can_run((vec,), (other,))
    assert ops.can_run((other, vec), (other.astype(jnp.int32),))
    assert not ops.can_run((vec.astype(jnp.float32),), (other,))
    assert not ops.can_run((vec,), (other.astype(jnp.bfloat16),))
    assert not ops.can_run((other, vec.astype(jnp.float32)), ())
    assert not ops.can_run((vec[:0],), (other[:0],))
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not ops.can_run((vec,), (other,))


@pytest.mark.parametrize("index", [[[0, 2, 2, -1, 1]], [[-1, -1, -1, -1, -1]]])
def test_rows_are_summed(index):
    values, index = jnp.arange(10.0).reshape(1, 5, 2), jnp.asarray(index)
    forms = plain_ops.scatter_add, plain_ops.scatter_add.plain
    np.testing.assert_array_equal(*(form(values, index, 3) for form in forms))
    np.testing.assert_allclose(*(jax.grad(lambda v, f=f: jnp.sum(jnp.sin(f(v, index, 3))))(values) for f in forms))


def test_all_are_registered_with_the_arrays():
    for name in ("scatter_add", "environment_moments", "chebyshev_moments"):
        assert (name, "deepmd_jax.namespace") in operation._overrides


def test_wrong_arrays_are_an_error_of_xla():
    assert kernel_library.load_library()
    s, rows = jnp.zeros((3, 1)), jnp.zeros((3, 1, 4))
    call = jax.ffi.ffi_call(kernel_library.MOMENTS, [jax.ShapeDtypeStruct((3, 4, 1, 16), s.dtype)])
    numbers = np.array([0.0, 0.0, 0.0, -1.0, 1.0])
    counts = np.array([16, 4, 1, 0, 0, 0, 0, 0])
    assert call(s, rows, numbers=numbers, counts=counts)[0].shape == (3, 4, 1, 16)
    for inputs, reason in (((s, s), "rows has the shape"), ((s,), "wrong number"), ((rows, rows), "s has the shape")):
        with pytest.raises(jax.errors.JaxRuntimeError, match=f"deepmd_jax: .*{reason}"):
            jax.block_until_ready(call(*inputs, numbers=numbers, counts=counts))


def test_without_the_library_one_warning_says_why(monkeypatch):
    def missing(*_):
        raise OSError("libfoo.so: no such file")

    monkeypatch.setattr(kernel_library, "find_library", missing)
    kernel_library.load_library.cache_clear()
    case = make_case("environment")
    kernel, plain = (moments_of(case, form) for form in case.forms())
    derived = converted(case.derived)
    try:
        with pytest.warns(RuntimeWarning, match=r"deepmd-jax runs without its kernels.*libfoo\.so"):
            kernel(derived)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(kernel(derived), plain(derived))
    finally:
        kernel_library.load_library.cache_clear()
