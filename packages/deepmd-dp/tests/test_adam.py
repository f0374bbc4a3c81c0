# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW on NumPy; each backend has them tested by the conformance suite, too."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd_dp.kit.optimizer import Adam, read_moments, write_moments
from deepmd_dp.kit.trainer import clip

LR = 0.01


def step(p, g, moments=None, **section):
    """A parameter and its moments after a step; without moments it is the first."""
    adam = Adam.from_input({"optimizer": section})
    moments = moments or read_moments({}, {"w": p}, np.asarray)["w"]
    return adam.step(p, g, moments, LR)


def test_first_step_goes_against_the_sign_of_the_gradient():
    """Of length lr, since m̂/√v̂ is then the gradient over its size."""
    p, _ = step(np.array([1.0, 2.0]), np.array([0.5, -3.0]))
    assert p == pytest.approx([1.0 - LR, 2.0 + LR])


def test_decay_of_adamw_is_no_part_of_the_gradient():
    p, _ = step(np.array([4.0]), np.array([1.0]), type="AdamW", weight_decay=0.5)
    assert p == pytest.approx(4.0 * (1.0 - LR * 0.5) - LR)


def test_moments_are_written_of_parameters_that_met_a_gradient():
    parameters = {"w": np.ones(2), "b": np.ones(1)}
    moments = read_moments({}, parameters, np.asarray)
    _, moments["w"] = step(parameters["w"], np.ones(2), moments["w"])
    arrays = write_moments(moments, np.asarray)
    assert sorted(arrays) == ["exp_avg/w", "exp_avg_sq/w", "step/w"]
    again = read_moments(arrays, parameters, np.asarray)
    assert float(again["w"].step) == 1.0 and float(again["b"].step) == 0.0


def test_gradient_is_cut_to_the_greatest_length():
    cut = clip({"w": np.array([3.0]), "b": np.array([4.0])}, 1.0)
    assert cut["w"] == pytest.approx(0.6, rel=1e-6) and cut["b"] == pytest.approx(0.8, rel=1e-6)
    for max_norm in (0.0, 10.0):
        assert clip({"w": np.array([3.0])}, max_norm)["w"] == 3.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_the_parameters(dtype):
    p, moments = step(np.array([1.0, -1.0], dtype), np.array([0.3, 1.0], dtype))
    assert p.dtype == moments.exp_avg.dtype == moments.exp_avg_sq.dtype == dtype


def test_unknown_optimizer():
    with pytest.raises(InputError, match="'LKF' is not supported; expected one of Adam, AdamW"):
        Adam.from_input({"optimizer": {"type": "LKF"}})
