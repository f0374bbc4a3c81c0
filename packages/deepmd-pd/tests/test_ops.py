# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operations on kernels, held to their plain forms."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.conformance.moments_cases import KINDS, assert_agree, make_case
from deepmd_dp.dialect import operation
from deepmd_dp.dialect import ops as plain_ops
from deepmd_pd import arrays, kernel_library, moments, ops
from deepmd_pd.framework import paddle


def tensors(given, stop_gradient=True):
    return [None if each is None else paddle.to_tensor(each, stop_gradient=stop_gradient) for each in given]


def call(case, form, derived):
    return form(*derived, *tensors(case.constants), **case.keywords)


def quantities(case, form):
    """A, derivatives of an energy of it, and those of a loss of both by the coefficients."""
    derived = tensors(case.derived, stop_gradient=False)
    found = call(case, form, derived)
    (c,) = tensors([case.coefficients()], stop_gradient=False)
    energy = paddle.sum(paddle.sin(found * c))
    forces = paddle.grad(energy, derived, create_graph=True)
    loss = 0.1 * energy * energy + sum(paddle.sum(force * force) for force in forces)
    with moments.fixed_displacements():  # asked for, as in a training, and dropped
        by_coefficients, *_ = paddle.grad(loss, [c, *derived])
    return [each.numpy() for each in (found, *forces, by_coefficients)]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_their_derivatives(kind, monkeypatch):
    case = make_case(kind)
    kernel, plain = case.forms()
    expected = quantities(case, plain)
    passes = record_passes(monkeypatch)
    assert_agree(quantities(case, kernel), expected, 1e-12)
    assert passes[0] == "FORWARD"


def record_passes(monkeypatch):
    passes = []
    run = moments._Geometry.run
    monkeypatch.setattr(moments._Geometry, "run", lambda *args: passes.append(args[1].name) or run(*args))
    return passes


@pytest.mark.parametrize("kind", ["environment", "switched", "general"])
def test_moments_of_single_precision(kind):
    case = make_case(kind, dtype=np.float32)
    assert_agree(*(quantities(case, form) for form in case.forms()), 1e-4)


def test_a_loss_of_forces_runs_three_passes_and_no_plain_form(monkeypatch):
    case = make_case("environment")
    passes = record_passes(monkeypatch)
    monkeypatch.setattr(moments.MomentsCall, "plain", lambda *_: pytest.fail("the plain form ran"))
    derived = tensors(case.derived, stop_gradient=False)
    result = call(case, case.forms()[0], derived)
    c = paddle.ones_like(result)
    c.stop_gradient = False
    (force,) = paddle.grad(paddle.sum(paddle.sin(result * c)), derived, create_graph=True)
    with moments.fixed_displacements():  # as a training asks for them
        paddle.grad(paddle.sum(force * force), [c, *derived])
    assert passes == ["FORWARD", "TRANSPOSE", "TANGENT"]


def test_a_second_derivative_by_positions_is_refused():
    case = make_case("environment")
    derived = tensors(case.derived, stop_gradient=False)
    energy = paddle.sum(paddle.sin(call(case, case.forms()[0], derived)))
    (force,) = paddle.grad(energy, derived, create_graph=True)
    with pytest.raises(Exception, match="set DP_PLAIN_OPS=1"):  # an OSError around ours
        paddle.grad(paddle.sum(force * force), derived)


def test_falls_back_where_the_kernels_cannot_run(monkeypatch):
    vec, other = paddle.zeros([2, 3, 3], "float64"), paddle.zeros([2, 3], "float64")
    assert ops.can_run((vec,), (other,))
    assert ops.can_run((other, vec), (other.astype("int64"),))
    assert not ops.can_run((vec.astype("float32"),), (other,))
    assert not ops.can_run((vec,), (other.astype("float16"),))
    assert not ops.can_run((other, vec.astype("float32")), ())
    assert not ops.can_run((paddle.zeros([0, 3, 3], "float64"),), (other,))
    trained = other.clone()
    trained.stop_gradient = False
    assert not ops.can_run((vec,), (trained,))
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not ops.can_run((vec,), (other,))


@pytest.mark.parametrize("index", [[[0, 2, 2, -1, 1]], [[-1, -1, -1, -1, -1]]])
def test_rows_are_summed(index):
    values, index = tensors([np.arange(10.0).reshape(1, 5, 2)], stop_gradient=False)[0], paddle.to_tensor(index)
    results = [form(values, index, 3) for form in (plain_ops.scatter_add, plain_ops.scatter_add.plain)]
    np.testing.assert_array_equal(*results)
    gradients = [paddle.grad(paddle.sum(paddle.sin(each)), values)[0] for each in results]
    np.testing.assert_allclose(*gradients)


def test_outer_products():
    rng = np.random.default_rng(0)
    a, b = tensors([rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 5))], stop_gradient=False)
    results = [form(a, b) for form in (plain_ops.outer_products, plain_ops.outer_products.plain)]
    np.testing.assert_array_equal(*results)
    gradients = [paddle.grad(paddle.sum(paddle.sin(each)), [a, b]) for each in results]
    for mine, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-13)


def test_all_are_registered_with_the_arrays():
    assert arrays  # importing it is enough
    for name in ("outer_products", "scatter_add", "environment_moments", "chebyshev_moments"):
        assert (name, "deepmd_pd.namespace") in operation._overrides


def test_a_missing_library_is_one_warning_that_says_why(monkeypatch, tmp_path):
    case = make_case("environment")
    kernel, plain = case.forms()
    broken = tmp_path / "libdeepmd_pd_ops.so"
    broken.write_text("not a library")
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: broken)
    kernel_library.load_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="without its kernels.*libdeepmd_pd_ops") as caught:
            results = [call(case, kernel, tensors(case.derived)) for _ in range(2)]
        assert len(caught) == 1
        np.testing.assert_array_equal(results[1], call(case, plain, tensors(case.derived)))
    finally:
        kernel_library.load_library.cache_clear()


def test_the_operator_refuses_wrong_arguments():
    assert kernel_library.load_library()
    s, rows = paddle.zeros([3, 1], "float64"), paddle.zeros([3, 1, 4], "float64")
    numbers, counts = paddle.to_tensor([0.0, 0.0, 0.0, -1.0, 1.0], "float64"), [16, 4, 1, 0, 0, 0, 0, 0]
    for inputs in ([s], [s, s], [s.astype("float32"), rows], [s, rows.astype("int32")]):
        with pytest.raises((RuntimeError, OSError), match="deepmd_pd"):
            kernel_library.call("moments", numbers, inputs, counts, 1)
