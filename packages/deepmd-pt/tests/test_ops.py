# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fused kernels against the plain form, with their first and second derivatives."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
import torch
from deepmd_dp import ops as plain_ops
from deepmd_dp.network import Layer

from deepmd_pt import ops

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
    apply = ops._JetGradient.apply
    monkeypatch.setattr(ops._JetGradient, "apply", lambda *args: calls.append(args) or apply(*args))
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
    monkeypatch.setenv("DP_PT_PLAIN_OPS", "1")
    assert not ops.is_fused(x, layers)
    torch.testing.assert_close(ops.embedding_net(x, layers), plain_ops.embedding_net.plain(x, layers))


@pytest.mark.filterwarnings("ignore:`torch.jit.trace`:DeprecationWarning")  # the .pth files need it
def test_traces_and_transforms_see_the_plain_form():
    layers, x = make_layers([1, 4, 8]), make_input(10, 1).detach()
    layers = with_parameters(layers, [p.detach() for p in parameters(layers)])
    expected = plain_ops.embedding_net.plain(x, layers)
    traced = torch.jit.trace(lambda x: ops.embedding_net(x, layers), x)
    assert "deepmd_pt" not in str(traced.inlined_graph)
    torch.testing.assert_close(traced(x), expected)
    from torch.fx.experimental.proxy_tensor import make_fx

    for mode in ("real", "symbolic"):
        graph = make_fx(lambda x: ops.embedding_net(x, layers), tracing_mode=mode)(x)
        assert "deepmd_pt" not in graph.code
    torch.testing.assert_close(torch.func.vmap(lambda x: ops.embedding_net(x, layers))(x), expected, check_stride=False)


def test_a_missing_library_is_one_warning_that_says_why(monkeypatch, tmp_path):
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    broken = tmp_path / "libdeepmd_pt_ops.so"
    broken.write_text("not a library")
    monkeypatch.setattr(ops, "_library_path", lambda: broken)
    ops.load_library.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="without its fused kernels.*libdeepmd_pt_ops") as caught:
            g = ops.embedding_net(x, layers)
            ops.embedding_net(x, layers)
        assert len(caught) == 1
        torch.testing.assert_close(g, plain_ops.embedding_net.plain(x, layers))
    finally:
        ops.load_library.cache_clear()


def test_the_operators_refuse_wrong_arguments():
    assert ops.load_library()
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


def test_load_ops_makes_models_use_the_kernel(monkeypatch):
    monkeypatch.setattr(plain_ops, "_overrides", dict(plain_ops._overrides))
    layers, x = make_layers([1, 4, 8]), make_input(10, 1)
    ops.load_ops()
    g = plain_ops.embedding_net(x, layers)
    assert "Jet" in repr(g.grad_fn.next_functions)
