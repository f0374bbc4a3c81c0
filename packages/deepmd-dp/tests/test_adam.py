# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW on NumPy; a backend that uses them has its formulas tested by the conformance suite, too."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd_dp.kit.optimizer import Adam

LR = 0.01


def new_adam(moments: dict | None = None, max_norm: float = 0.0, **section) -> Adam:
    return Adam({"optimizer": section, "training": {"gradient_max_norm": max_norm}}, moments or {})


def test_first_step_goes_against_the_sign_of_the_gradient():
    """Of length lr, since m̂/√v̂ is then the gradient over its size."""
    new = new_adam().update({"w": np.array([1.0, 2.0])}, {"w": np.array([0.5, -3.0])}, LR)
    assert new["w"] == pytest.approx([1.0 - LR, 2.0 + LR])


def test_decay_of_adamw_is_no_part_of_the_gradient():
    start, gradient = {"w": np.array([4.0])}, {"w": np.array([1.0])}
    decayed = new_adam(type="AdamW", weight_decay=0.5).update(start, gradient, LR)
    assert decayed["w"] == pytest.approx(4.0 * (1.0 - LR * 0.5) - LR)


def test_parameter_without_a_gradient_stays():
    adam = new_adam(type="AdamW", weight_decay=0.5)
    new = adam.update({"w": np.ones(2), "b": np.ones(1)}, {"w": np.ones(2)}, LR)
    assert new["b"] == 1.0
    assert sorted(adam.moments) == ["exp_avg/w", "exp_avg_sq/w", "step/w"]


def test_gradient_is_cut_to_the_greatest_length():
    adam = new_adam(max_norm=1.0)
    adam.update({"w": np.zeros(2)}, {"w": np.array([3.0, 4.0])}, LR)
    assert adam.moments["exp_avg/w"] == pytest.approx(0.1 * np.array([0.6, 0.8]), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_goes_on_from_its_moments(dtype):
    one = new_adam()
    parameters = {"w": np.array([1.0, -1.0], dtype)}
    gradients = [{"w": np.array([0.3, k], dtype)} for k in range(4)]
    for gradient in gradients[:2]:
        parameters = one.update(parameters, gradient, LR)
    other, copy = new_adam(one.moments), dict(parameters)
    for gradient in gradients[2:]:
        parameters, copy = one.update(parameters, gradient, LR), other.update(copy, gradient, LR)
    assert np.array_equal(parameters["w"], copy["w"])
    assert parameters["w"].dtype == one.moments["exp_avg/w"].dtype == dtype
    assert float(one.moments["step/w"]) == 4.0


def test_unknown_optimizer():
    with pytest.raises(InputError, match="'LKF' is not supported; expected one of Adam, AdamW"):
        new_adam(type="LKF")
