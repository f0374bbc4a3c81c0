# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operations on kernels, held to their plain forms."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from deepmd_dp.conformance.moments_cases import KINDS, assert_agree, make_case
from deepmd_dp.dialect import operation
from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_pt import arrays, kernel_library, moments, ops


def tensors(arrays):
    return [None if each is None else torch.tensor(each) for each in arrays]


def call(case, form, derived):
    return form(*derived, *tensors(case.constants), **case.keywords)


def quantities(case, form, derived=None):
    """A, derivatives of an energy of it, and those of a loss of both by coefficients and by the geometry."""
    derived = [each.detach().requires_grad_() for each in derived or tensors(case.derived)]
    moments = call(case, form, derived)
    c = torch.tensor(case.coefficients(), requires_grad=True)
    energy = (moments * c).sin().sum()
    forces = torch.autograd.grad(energy, derived, create_graph=True)
    loss = 0.1 * energy**2 + sum((force**2).sum() for force in forces)
    return [each.detach().numpy() for each in (moments, *forces, *torch.autograd.grad(loss, [c, *derived]))]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_their_derivatives(kind):
    case = make_case(kind)
    kernel, plain = case.forms()
    derived = [each.requires_grad_() for each in tensors(case.derived)]
    assert "Moments" in repr(call(case, kernel, derived).grad_fn)
    assert_agree(quantities(case, kernel), quantities(case, plain), 1e-12)


@pytest.mark.parametrize("kind", ["environment", "switched", "general"])
def test_moments_of_single_precision(kind):
    case = make_case(kind, dtype=np.float32)
    assert_agree(*(quantities(case, form) for form in case.forms()), 1e-4)


@pytest.mark.parametrize("size", [(0, 5), (3, 0)])
@pytest.mark.parametrize("kind", ["segments", "general"])
def test_no_edges(size, kind):
    case = make_case(kind, *size)
    assert_agree(*(quantities(case, form) for form in case.forms()), 0.0)


@pytest.mark.parametrize("kind", ["switched", "general"])
def test_derivatives_of_every_order(kind):
    case = make_case(kind, 2, 3)

    def moments(*derived):
        return call(case, case.forms()[0], derived)

    def third(*derived):
        first = torch.autograd.grad(moments(*derived).sin().sum(), derived, create_graph=True)
        return torch.autograd.grad(sum((each**2).sum() for each in first), derived, create_graph=True)

    derived = [each.requires_grad_() for each in tensors(case.derived)]
    assert torch.autograd.gradcheck(moments, derived, fast_mode=True)
    assert torch.autograd.gradgradcheck(moments, derived, fast_mode=True)
    assert torch.autograd.gradcheck(third, derived, fast_mode=True, rtol=1e-2)


def test_a_loss_of_forces_runs_three_passes_and_no_plain_form(monkeypatch):
    case = make_case("environment")
    passes = []
    run = moments._Geometry.run
    monkeypatch.setattr(moments._Geometry, "run", lambda *args: passes.append(args[1].name) or run(*args))
    monkeypatch.setattr(moments.MomentsCall, "plain", lambda *_: pytest.fail("the plain form ran"))
    vec = tensors(case.derived)[0].requires_grad_()
    result = call(case, case.forms()[0], [vec])
    c = torch.ones_like(result).requires_grad_()
    (force,) = torch.autograd.grad((result * c).sin().sum(), vec, create_graph=True)
    torch.autograd.grad((force**2).sum(), c)
    assert passes == ["FORWARD", "TRANSPOSE", "TANGENT"]


def test_strides_and_the_same_bits_with_any_number_of_threads():
    case = make_case("segments", 50, 40)
    kernel, plain = case.forms()
    strided = [tensors(case.derived)[0].flip(2).contiguous().flip(2)]
    assert_agree(quantities(case, kernel, strided), quantities(case, plain), 1e-12)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3, 1):
            torch.set_num_threads(count)
            results.append(call(case, kernel, tensors(case.derived)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(results[0], each) for each in results)


def test_falls_back_where_the_kernels_cannot_run(monkeypatch):
    vec, other = torch.zeros(2, 3, 3, dtype=torch.float64), torch.zeros(2, 3, dtype=torch.float64)
    assert ops.can_run((vec,), (other,))
    assert ops.can_run((other, vec), (other.long(),))
    assert not ops.can_run((vec.float(),), (other,))
    assert not ops.can_run((vec,), (other.half(),))
    assert not ops.can_run((other, vec.float()), ())
    assert not ops.can_run((vec.to("meta"),), (other,))
    assert not ops.can_run((vec,), (other.clone().requires_grad_(),))
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not ops.can_run((vec,), (other,))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning")  # the .pth files need it
@pytest.mark.parametrize("nsegments", [None, 2])
def test_a_traced_file_holds_the_plain_form_for_any_size(nsegments):
    keywords = make_case("environment").keywords | {"nsegments": nsegments or 1}

    def moments(vec, weights, statistics):
        segment = None if nsegments is None else weights.long()
        return plain_ops.environment_moments(vec, weights, segment, statistics, statistics, **keywords)

    def arguments(n, nnei):
        return [torch.ones(*size, dtype=torch.float64) for size in ((n, nnei, 3), (n, nnei), (n, 1, 4))]

    traced = torch.jit.trace(moments, tuple(arguments(4, 9)))
    assert "deepmd_pt::" not in str(traced.inlined_graph)
    for size in ((4, 9), (7, 2), (0, 3)):
        torch.testing.assert_close(traced(*arguments(*size)), moments(*arguments(*size)))


@pytest.mark.parametrize("index", [[[0, 2, 2, -1, 1]], [[-1, -1, -1, -1, -1]]])
def test_rows_are_summed(index):
    values, index = torch.arange(10.0, dtype=torch.float64).reshape(1, 5, 2).requires_grad_(), torch.tensor(index)
    results = [form(values, index, 3) for form in (plain_ops.scatter_add, plain_ops.scatter_add.plain)]
    torch.testing.assert_close(*results)
    gradients = [torch.autograd.grad(each.sin().sum(), values)[0] for each in results]
    torch.testing.assert_close(*gradients)


def test_all_are_registered_with_the_arrays():
    assert arrays  # importing it is enough
    for name in ("scatter_add", "environment_moments", "chebyshev_moments"):
        assert (name, "deepmd_pt.namespace") in operation._overrides


def test_a_missing_library_is_one_warning_that_says_why(monkeypatch, tmp_path):
    case = make_case("environment")
    kernel, plain = case.forms()
    broken = tmp_path / "libdeepmd_pt_ops.so"
    broken.write_text("not a library")
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: broken)
    kernel_library.load_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="without its kernels.*libdeepmd_pt_ops") as caught:
            results = [call(case, kernel, tensors(case.derived)) for _ in range(2)]
        assert len(caught) == 1
        torch.testing.assert_close(results[1], call(case, plain, tensors(case.derived)))
    finally:
        kernel_library.load_library.cache_clear()


def test_the_operator_refuses_wrong_arguments():
    assert kernel_library.load_library()
    s, rows = torch.zeros(3, 1, dtype=torch.float64), torch.zeros(3, 1, 4, dtype=torch.float64)
    numbers, counts = [0.0, 0.0, 0.0, -1.0, 1.0], [16, 4, 1, 0, 0, 0, 0, 0]
    for inputs in ([s], [s, s], [s.float(), rows], [s, rows.int()], [s.to("meta"), rows], [s, rows.mT]):
        with pytest.raises((RuntimeError, NotImplementedError), match="deepmd_pt"):
            torch.ops.deepmd_pt.moments(inputs, numbers, counts)
    with pytest.raises(RuntimeError, match="deepmd_pt: the bounds"):
        torch.ops.deepmd_pt.moments([s, rows], [0.0, 0.0, 0.0, 1.0, 1.0], counts)


def operator_of(case, derived):
    """The operator as a frozen file calls it."""
    assert kernel_library.load_derivative()
    seen = []
    run, _ = case.forms()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments._Moments, "apply", lambda geometry, *_: seen.append(geometry) or torch.zeros(()))
        call(case, run, derived)
    (geometry,) = seen
    return geometry, [*geometry.derived, *geometry.fixed]


@pytest.mark.parametrize("kind", KINDS)
def test_derivative_without_python(kind):
    case = make_case(kind)
    derived = [each.requires_grad_() for each in tensors(case.derived)]
    geometry, inputs = operator_of(case, derived)
    counts = geometry.call.counts(moments.Pass.FORWARD)
    found = torch.ops.deepmd_pt.moments(inputs, geometry.call.numbers, counts)[0]
    expected = call(case, case.forms()[1], derived)
    c = torch.tensor(case.coefficients())
    gradients = [torch.autograd.grad((each * c).sin().sum(), derived) for each in (found, expected)]
    assert_agree(*([each.numpy() for each in some] for some in gradients), 1e-12)


def test_what_has_no_derivative_without_python():
    """The second one, and those by constants, are refused."""
    case = make_case("environment")
    (vec,) = tensors(case.derived)
    geometry, inputs = operator_of(case, [vec.requires_grad_()])
    counts = geometry.call.counts(moments.Pass.FORWARD)
    found = torch.ops.deepmd_pt.moments(inputs, geometry.call.numbers, counts)[0]
    (gradient,) = torch.autograd.grad(found.sin().sum(), vec, create_graph=True)
    with pytest.raises(RuntimeError, match="moments have one derivative here"):
        torch.autograd.grad((gradient**2).sum(), vec)
    inputs[1] = inputs[1].clone().requires_grad_()
    found = torch.ops.deepmd_pt.moments(inputs, geometry.call.numbers, counts)[0]
    with pytest.raises(RuntimeError, match="constants of moments have no derivative"):
        torch.autograd.grad(found.sum(), vec)


def test_constants_that_depend_on_the_geometry_stay_plain_in_files():
    case = make_case("environment")
    (vec,), (weights, *rest) = tensors(case.derived), tensors(case.constants)

    def moments_of(vec, weights):
        return case.forms()[0](vec, weights, *rest, **case.keywords)

    functions = {True: moments_of, False: lambda vec, weights: moments_of(vec, weights * vec.square().sum(-1))}
    for holds_operator, function in functions.items():
        with kernels.in_graphs(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced = torch.jit.trace(function, (vec.clone().requires_grad_(), weights), check_trace=False)
        assert (traced.graph.findNode("deepmd_pt::moments") is not None) is holds_operator
