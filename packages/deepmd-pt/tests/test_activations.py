# SPDX-License-Identifier: LGPL-3.0-or-later
"""Activation functions of torch in the place of the plain forms, and their derivatives of three orders."""

from __future__ import annotations

import pytest
import torch

from deepmd_dp.dialect import activations as plain
from deepmd_pt import ops

X = [-30.0, -2.0, -0.3, 0.0, 0.4, 0.9, 1.1, 3.0, 40.0]
FORMS = {
    "silu": (torch.nn.functional.silu, plain.silu.plain, X),
    "silut": (lambda x: ops.silut(x, 1.0), lambda x: plain.silut.plain(x, 1.0), X),
    "silut below the threshold": (lambda x: ops.silut(x, 10.0), lambda x: plain.silut.plain(x, 10.0), X[:-1]),
}


def derivatives(form, values):
    """The function, and its first three derivatives."""
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    found = [form(x)]
    for _ in range(3):
        found += torch.autograd.grad(found[-1].sum(), x, create_graph=True)
    return [each.detach() for each in found]


@pytest.mark.parametrize("name", FORMS)
def test_they_are_what_the_plain_forms_are(name):
    form, expected, values = FORMS[name]
    for one, other in zip(derivatives(form, values), derivatives(expected, values), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-13, atol=1e-13)


def test_models_run_on_them():
    ops.register_ops()
    y = plain.activation("silut:10.0")(torch.ones(2, requires_grad=True))
    assert type(y.grad_fn).__name__ == "SiluBackward0"
