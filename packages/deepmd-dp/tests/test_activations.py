# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activation functions: values, tails, derivatives in every array library."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd_dp.dialect.activations import activation

X = np.array([-800.0, -3.0, -0.5, 0.0, 0.5, 2.0, 6.5, 800.0])


def sigmoid(x):
    return 0.0 if x < -700 else 1.0 / (1.0 + math.exp(-x))


def silut(x, threshold):
    """SiLU, and beyond the threshold t: tanh(silu'(t) (x - t)) + silu(t)."""
    if x < threshold:
        return x * sigmoid(x)
    slope = sigmoid(threshold) * (1.0 + threshold * (1.0 - sigmoid(threshold)))
    return math.tanh(slope * (x - threshold)) + threshold * sigmoid(threshold)


FORMULAS = {
    "none": lambda x: x,
    "Linear": lambda x: x,
    "TANH": math.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: max(x, 0.0),
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "softplus": lambda x: x if x > 700 else math.log1p(math.exp(x)),
    "gelu": lambda x: 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
    "gelu_tf": lambda x: 0.5 * x * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * sigmoid(x),
    "silut": lambda x: silut(x, 3.0),
    "silut:1.5": lambda x: silut(x, 1.5),
    "custom_silu:10": lambda x: silut(x, 10.0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula(name, library):
    values = library.to_numpy(activation(name)(library.xp.asarray(X)))
    np.testing.assert_allclose(values, [FORMULAS[name](x) for x in X], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_derivatives_by_torch_are_finite_far_out(name):
    torch = pytest.importorskip("torch")
    x = torch.asarray(X).requires_grad_()
    (first,) = torch.autograd.grad(torch.sum(activation(name)(x)), x, create_graph=True)
    assert torch.all(torch.isfinite(first))
    if first.requires_grad:
        (second,) = torch.autograd.grad(torch.sum(first), x)
        assert torch.all(torch.isfinite(second))


def test_unknown_name_is_an_input_error():
    with pytest.raises(InputError, match="'tahn' is unknown; expected one of none, linear, tanh"):
        activation("tahn")
