# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fused kernels against the plain form, with their first and second derivatives."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.nn.network import Layer
from deepmd_pt import embedding_moments, kernel_library, ops
from deepmd_pt.embedding_jet import JetGradient

WIDTHS = [[1, 25, 50, 100], [1, 4, 8, 8], [1, 1, 2, 3], [3, 5, 10], [17, 7, 7, 14, 9], [2, 130]]
ACTIVATIONS = ["tanh", "none", "relu", "sigmoid", "silu", "gelu"]


def make_layers(widths, activation="tanh", idt=False, bias=True, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def leaf(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype)

    return [
        Layer(
            w=(leaf(nin, nout) / (nin + nout) ** 0.5).requires_grad_(),
            b=leaf(nout).requires_grad_() if bias else None,
            idt=leaf(nout).requires_grad_() if idt else None,
            activation_function=activation,
            resnet=True,
        )
        for nin, nout in itertools.pairwise(widths)
    ]


def make_input(n, nin, dtype=torch.float64, seed=1):
    return torch.randn(n, nin, generator=torch.Generator().manual_seed(seed), dtype=dtype).requires_grad_()


def parameters(layers):
    return [t for each in layers for t in (each.w, each.b, each.idt) if t is not None]


def with_parameters(layers, params):
    """The same layers on other tensors."""
    rest = iter(params)
    take = lambda old: None if old is None else next(rest)  # noqa: E731
    return [
        Layer(w=take(e.w), b=take(e.b), idt=take(e.idt), activation_function=e.activation_function, resnet=e.resnet)
        for e in layers
    ]


def training_quantities(net, x, layers):
    """G, the derivative of an energy, and the gradients of a loss of both."""
    g = net(x, layers)
    energy = g.sin().sum()
    (force,) = torch.autograd.grad(energy, x, create_graph=True)
    loss = 0.1 * energy**2 + (force**3).sum()
    return g, force, *torch.autograd.grad(loss, [x, *parameters(layers)])


def assert_agree(actual, expected, rtol):
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape
        scale = e.abs().max().clamp_min(1.0).item() if e.numel() else 1.0
        torch.testing.assert_close(a, e, rtol=0.0, atol=rtol * scale)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("idt", [False, True])
def test_training_derivatives_are_the_plain_forms(widths, idt):
    layers, x = make_layers(widths, idt=idt), make_input(200, widths[0])
    assert ops.is_fused(x, layers)
    expected = training_quantities(plain_ops.embedding_net.plain, x, layers)
    assert_agree(training_quantities(ops.embedding_net, x, layers), expected, 1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    layers, x = make_layers([2, 5, 10, 10], activation, idt=True), make_input(70, 2)
    assert ops.is_fused(x, layers)
    expected = training_quantities(plain_ops.embedding_net.plain, x, layers)
    assert_agree(training_quantities(ops.embedding_net, x, layers), expected, 1e-12)


def test_without_bias_and_skip_connection():
    layers = [
        Layer(w=each.w, b=None, idt=None, activation_function="tanh", resnet=False) for each in make_layers([1, 6, 12])
    ]
    x = make_input(65, 1)
    expected = training_quantities(plain_ops.embedding_net.plain, x, layers)
    assert_agree(training_quantities(ops.embedding_net, x, layers), expected, 1e-12)


def test_float32():
    layers, x = make_layers([1, 25, 50, 100], dtype=torch.float32), make_input(300, 1, torch.float32)
    fused = training_quantities(ops.embedding_net, x, layers)
    assert all(t.dtype == torch.float32 for t in fused)
    exact = make_layers([1, 25, 50, 100])
    for to, of in zip(parameters(exact), parameters(layers), strict=True):
        to.data.copy_(of)
    expected = training_quantities(plain_ops.embedding_net.plain, x.detach().double().requires_grad_(), exact)
    assert_agree([t.double() for t in fused], expected, 2e-5)


def test_tanh_over_its_whole_range():
    one = torch.ones(1, 1, dtype=torch.float64)
    layer = Layer(w=one, b=None, idt=None, activation_function="tanh", resnet=False)
    powers = torch.logspace(-300, 300, 5000, dtype=torch.float64)
    x = torch.cat([powers, -powers, torch.linspace(-25, 25, 100001, dtype=torch.float64), torch.tensor([torch.inf])])
    torch.testing.assert_close(ops.embedding_net(x[:, None], [layer])[:, 0], x.tanh(), rtol=1e-15, atol=0.0)
    assert ops.embedding_net(torch.tensor([[torch.nan]], dtype=torch.float64), [layer]).isnan().all()


@pytest.mark.parametrize("widths", [[1, 3, 6], [2, 3, 3]], ids=str)
def test_gradcheck(widths):
    layers, x = make_layers(widths, idt=True), make_input(3, widths[0])

    def net(x, *params):
        return ops.embedding_net(x, with_parameters(layers, params))

    def force(x, *params):
        return torch.autograd.grad(net(x, *params).sin().sum(), x, create_graph=True)[0]

    inputs = (x, *parameters(layers))
    for function in (net, force):  # of the force: up to the third derivative along x
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("nin", [1, 3])
def test_hessian(nin):
    layers, x = make_layers([nin, 4, 8]), make_input(4, nin)
    fused = torch.autograd.functional.hessian(lambda x: ops.embedding_net(x, layers).sin().sum(), x)
    plain = torch.autograd.functional.hessian(lambda x: plain_ops.embedding_net.plain(x, layers).sin().sum(), x)
    assert_agree([fused], [plain], 1e-12)


@pytest.mark.parametrize("needs", [(True, False), (False, True), (False, False)])
def test_only_what_requires_a_gradient_gets_one(needs):
    layers, x = make_layers([2, 5, 10]), make_input(10, 2)
    x.requires_grad_(needs[0])
    for p in parameters(layers):
        p.requires_grad_(needs[1])
    results = []
    for net in (ops.embedding_net, plain_ops.embedding_net.plain):
        g = net(x, layers)
        assert g.requires_grad == any(needs)
        wanted = [t for t in (x, *parameters(layers)) if t.requires_grad]
        results.append([g.detach(), *(torch.autograd.grad(g.sin().sum(), wanted) if wanted else ())])
    assert_agree(*results, 1e-12)


def test_forces_alone_do_not_go_back_through_the_net(monkeypatch):
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    calls = []
    apply = JetGradient.apply
    monkeypatch.setattr(JetGradient, "apply", lambda *args: calls.append(args) or apply(*args))
    energy = ops.embedding_net(x, layers).sin().sum()
    (force,) = torch.autograd.grad(energy, x, create_graph=True)
    assert not calls
    torch.autograd.grad(energy + (force**2).sum(), parameters(layers))
    assert len(calls) == 1  # one way back for energy and forces together


def test_backward_accumulates_like_the_plain_form():
    results = []
    for net in (ops.embedding_net, plain_ops.embedding_net.plain):
        layers, x = make_layers([1, 4, 8]), make_input(10, 1)
        (force,) = torch.autograd.grad(net(x, layers).sin().sum(), x, create_graph=True)
        for _ in range(2):
            (force**2).sum().backward(retain_graph=True)
        results.append([x.grad, *(p.grad for p in parameters(layers) if p.grad is not None)])
    assert_agree(*results, 1e-12)


@pytest.mark.parametrize("shape", [(0, 1), (3, 0, 1), (0, 5, 1)])
def test_no_edges(shape):
    layers = make_layers([1, 4, 8])
    x = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
    g, force, gx, *gparams = training_quantities(ops.embedding_net, x, layers)
    assert g.shape == (*shape[:-1], 8)
    assert force.shape == gx.shape == shape
    assert all((each == 0).all() for each in gparams)


def test_any_leading_axes_and_strides():
    layers, x = make_layers([2, 4, 8]), make_input(60, 4)
    strided = x.reshape(3, 20, 4)[:, ::2, ::2]
    torch.testing.assert_close(ops.embedding_net(strided, layers), plain_ops.embedding_net.plain(strided, layers))


def test_the_same_bits_with_any_number_of_threads():
    layers, x = make_layers([1, 25, 50, 100]), make_input(5000, 1)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3, 1):
            torch.set_num_threads(count)
            results.append(training_quantities(ops.embedding_net, x, layers)[2:])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("isa", ["base", "avx2"])
def test_narrower_instruction_sets(isa, monkeypatch):
    """Whatever the machine can do, narrower kernels give the same numbers to rounding."""
    monkeypatch.setenv("DP_SIMD", isa)
    script = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]); import test_ops as t\n"
        "layers, x = t.make_layers([1, 7, 14, 14]), t.make_input(100, 1)\n"
        "forms = t.ops.embedding_net, t.plain_ops.embedding_net.plain\n"
        "t.assert_agree(*(t.training_quantities(net, x, layers) for net in forms), 1e-12)\n"
    )
    subprocess.run([sys.executable, "-c", script, __file__.rpartition("/")[0]], check=True)


def test_falls_back_where_the_kernel_cannot_run(monkeypatch):
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    assert ops.is_fused(x, layers)
    assert not ops.is_fused(x, make_layers([1, 4, 8], "softplus"))
    assert not ops.is_fused(x.detach().half(), layers)
    assert not ops.is_fused(x.detach().float(), layers)
    assert not ops.is_fused(x.detach().to("meta"), layers)
    assert not ops.is_fused(x, [])
    monkeypatch.setenv("DP_PLAIN_OPS", "1")
    assert not ops.is_fused(x, layers)
    torch.testing.assert_close(ops.embedding_net(x, layers), plain_ops.embedding_net.plain(x, layers))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning")  # the .pth files need it
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # the plain layer compares widths, which are constants
def test_traces_and_transforms_see_the_plain_form():
    layers, x = make_layers([1, 4, 8]), make_input(10, 1).detach()
    layers = with_parameters(layers, [p.detach() for p in parameters(layers)])
    expected = plain_ops.embedding_net.plain(x, layers)
    traced = torch.jit.trace(lambda x: ops.embedding_net(x, layers), x)
    assert "deepmd_pt" not in str(traced.inlined_graph)
    torch.testing.assert_close(traced(x), expected)
    from torch.fx.experimental.proxy_tensor import make_fx

    for mode in ("real", "symbolic"):
        graph = make_fx(lambda x: ops.embedding_net(x, layers), tracing_mode=mode, _allow_non_fake_inputs=True)(x)
        assert "deepmd_pt" not in graph.code
    torch.testing.assert_close(torch.func.vmap(lambda x: ops.embedding_net(x, layers))(x), expected, check_stride=False)


def test_a_missing_library_is_one_warning_that_says_why(monkeypatch, tmp_path):
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    broken = tmp_path / "libdeepmd_pt_ops.so"
    broken.write_text("not a library")
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: broken)
    kernel_library.load_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="without its fused kernels.*libdeepmd_pt_ops") as caught:
            results = [ops.embedding_net(x, layers) for _ in range(2)]
        assert len(caught) == 1
        torch.testing.assert_close(results[1], plain_ops.embedding_net.plain(x, layers))
    finally:
        kernel_library.load_library.cache_clear()


def test_the_operators_refuse_wrong_arguments():
    assert kernel_library.load_library()
    x, w = torch.zeros(3, 1, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    jet = torch.ops.deepmd_pt.embedding_jet
    for bad in (
        (x, [w.float()], [1, 0, 0, 0]),
        (x, [w.T], [1, 0, 0, 0]),
        (x, [w], [1, 1, 0, 0]),
        (x, [w, w], [1, 0, 0, 0]),
        (x, [w], [99, 0, 0, 0]),
        (x, [w], []),
        (x[:, 0], [w], [1, 0, 0, 0]),
        (x.int(), [w], [1, 0, 0, 0]),
    ):
        with pytest.raises(RuntimeError, match="deepmd_pt"):
            jet(*bad, True)


def make_environment(natoms, nnei, extra=0, dtype=torch.float64):
    """An environment matrix, further inputs of the net, and weights that leave some neighbors out."""
    env = make_input(natoms * nnei, 4, dtype).detach().reshape(natoms, nnei, 4).requires_grad_()
    more = make_input(natoms * nnei, extra, dtype, seed=3).detach().reshape(natoms, nnei, extra).requires_grad_()
    weights = (torch.rand(natoms, nnei, 1, generator=torch.Generator().manual_seed(4)) < 0.6).to(dtype)
    weights[0], weights[1], weights[2:, nnei // 2 :] = 0, 1, 0
    return env, more, weights


def plain_moments(x, r, weights, layers):
    return (r * weights).mT @ plain_ops.embedding_net.plain(x, layers)


def moments_quantities(form, env, more, weights, layers):
    """M, the derivatives of an energy, and the gradients of a loss of both."""
    moments = form(torch.cat([env[..., :1], more], dim=-1), env, weights, layers)
    energy = (moments.mT @ moments[..., :3]).square().sum().sqrt()
    force = torch.autograd.grad(energy, [env, more], create_graph=True, allow_unused=True)
    loss = 0.1 * energy**2 + sum((f**3).sum() for f in force)
    return moments, *force, *torch.autograd.grad(loss, [env, more, *parameters(layers)], allow_unused=True)


@pytest.mark.parametrize("widths", [[1, 25, 50, 100], [1, 4, 8, 8], [3, 5, 10]], ids=str)
@pytest.mark.parametrize("nnei", [1, 5, 86, 150])
def test_moments_and_their_training_derivatives(widths, nnei):
    layers = make_layers(widths, idt=True)
    case = make_environment(7, nnei, widths[0] - 1)
    assert ops.is_fused(case[0], layers, case[2])
    expected = moments_quantities(plain_moments, *case, layers)
    actual = moments_quantities(ops.embedding_moments, *case, layers)
    assert_agree(actual, expected, 1e-12)


def test_moments_in_float32():
    layers, case = make_layers([1, 25, 50, 100], dtype=torch.float32), make_environment(7, 40, dtype=torch.float32)
    assert ops.is_fused(case[0], layers, case[2])
    expected = moments_quantities(plain_moments, *case, layers)
    assert_agree(moments_quantities(ops.embedding_moments, *case, layers), expected, 1e-4)


@pytest.mark.parametrize("nin", [1, 2])
@pytest.mark.parametrize("all_used", [True, False])
def test_moments_gradcheck(nin, all_used):
    layers = make_layers([nin, 3, 6], idt=True)
    x = make_input(6, nin).detach().reshape(2, 3, nin).requires_grad_()
    r = make_input(6, 2, seed=4).detach().reshape(2, 3, 2).requires_grad_()
    weights = torch.ones(2, 3, 1, dtype=torch.float64)
    if not all_used:
        weights[0], weights[1, 1:] = torch.tensor([[1.0], [0.0], [0.5]]), 0.0

    def moments(x, r, *params):
        return ops.embedding_moments(x, r, weights, with_parameters(layers, params))

    def force(x, r, *params):
        return torch.autograd.grad(moments(x, r, *params).sin().sum(), (x, r), create_graph=True)

    inputs = (x, r, *parameters(layers))
    for function in (moments, force):
        assert torch.autograd.gradcheck(function, inputs, fast_mode=True)
        assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_weights_may_have_a_gradient():
    layers, (env, _, weights) = make_layers([1, 4, 8]), make_environment(3, 6)
    weights.requires_grad_()
    results = [
        torch.autograd.grad(form(env[..., :1], env, weights, layers).sin().sum(), [env, weights])
        for form in (ops.embedding_moments, plain_moments)
    ]
    assert_agree(*results, 1e-12)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (2, 3, 5)])
def test_moments_of_any_leading_axes(shape):
    layers = make_layers([1, 4, 8])
    env = torch.randn(*shape, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    weights = torch.ones(*shape, 1, dtype=torch.float64)
    results = []
    for form in (ops.embedding_moments, plain_moments):
        moments = form(env[..., :1], env, weights, layers)
        results.append([moments, *torch.autograd.grad(moments.sin().sum(), [env, *parameters(layers)])])
    assert results[0][0].shape == (*shape[:-1], 4, 8)
    assert_agree(*results, 1e-12)


def test_moments_have_the_same_bits_with_any_number_of_threads():
    layers, case = make_layers([1, 25, 50, 100]), make_environment(50, 86)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3, 1):
            torch.set_num_threads(count)
            results.append(ops_results := ops_quantities(case, layers))
            assert all(t.isfinite().all() for t in ops_results)
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def ops_quantities(case, layers):
    """Through the moments alone: PyTorch's own products elsewhere may depend on the threads."""
    env, more, weights = case
    moments = ops.embedding_moments(torch.cat([env[..., :1], more], dim=-1), env, weights, layers)
    along = torch.ones_like(moments).requires_grad_()
    (force,) = torch.autograd.grad(moments, env, along, create_graph=True)
    return moments, force, *torch.autograd.grad((moments, force), [along, *parameters(layers)], (along, env.detach()))


def test_moments_give_forces_without_going_back_through_the_net(monkeypatch):
    layers, (env, _, weights) = make_layers([1, 4, 8]), make_environment(3, 6)
    calls = []
    gradient = embedding_moments._moments_gradient
    monkeypatch.setattr(embedding_moments, "_moments_gradient", lambda *args: calls.append(args) or gradient(*args))
    energy = ops.embedding_moments(env[..., :1], env, weights, layers).sin().sum()
    (force,) = torch.autograd.grad(energy, env, create_graph=True)
    assert not calls
    torch.autograd.grad(energy + (force**2).sum(), parameters(layers))
    assert len(calls) == 1
    assert not calls[0][1]  # the gradient of the inputs is not asked for and not computed


def test_load_ops_makes_models_use_the_kernel(monkeypatch):
    monkeypatch.setattr(plain_ops, "_overrides", dict(plain_ops._overrides))
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    ops.load_ops()
    g = plain_ops.embedding_net(x, layers)
    assert "Jet" in repr(g.grad_fn.next_functions)
