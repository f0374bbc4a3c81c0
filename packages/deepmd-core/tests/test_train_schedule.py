# SPDX-License-Identifier: LGPL-3.0-or-later
"""Learning-rate schedules: the numbers of deepmd-kit 3.2.0."""

from __future__ import annotations

import pytest

from deepmd.errors import InputError
from deepmd.train.schedule import learning_rate

# section, steps of the training, and {step: rate} as deepmd.dpmodel.utils.learning_rate of deepmd-kit 3.2.0 gives it
CASES = {
    "exp in stairs to stop_lr": (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 3.51e-08, "decay_steps": 5000},
        1000000,
        {
            0: 0.001,
            4999: 0.001,
            5000: 0.0009500064099092084,
            500000: 5.9245252974394665e-06,
            999999: 3.6947119128759015e-08,
            1000005: 3.5100000000000195e-08,
        },
    ),
    "exp with a period that is too long": (
        {"type": "exp", "start_lr": 0.001, "stop_lr_ratio": 0.01, "decay_steps": 5000},
        2000,
        {0: 0.001, 20: 0.001, 21: 0.001, 1000: 9.999999999999998e-05, 1999: 1.2589254117941668e-05},
    ),
    "exp with a given rate, stopped at stop_lr": (
        {"type": "exp", "start_lr": 0.001, "stop_lr": 1e-05, "decay_steps": 100, "decay_rate": 0.9},
        20000,
        {99: 0.001, 100: 0.0009000000000000001, 1234: 0.00028242953648100003, 6000: 1e-05},
    ),
    "exp, smooth, after a warm-up": (
        {"type": "exp", "start_lr": 0.002, "stop_lr": 1e-06, "decay_steps": 300, "smooth": True, "warmup_steps": 100},
        5000,
        {
            0: 0.0,
            1: 2e-05,
            50: 0.001,
            99: 0.00198,
            100: 0.002,
            101: 0.0019968999958247945,
            2500: 4.832801721026121e-05,
            4999: 1.0015524083237462e-06,
        },
    ),
    "cosine after a warm-up by ratio": (
        {"type": "cosine", "start_lr": 0.001, "stop_lr": 1e-06, "warmup_ratio": 0.1, "warmup_start_factor": 0.2},
        1000,
        {
            0: 0.0002,
            50: 0.0006000000000000001,
            99: 0.000992,
            100: 0.001,
            400: 0.0007502499999999999,
            999: 1.0030431249336987e-06,
            1000: 1e-06,
        },
    ),
    "wsd, inverse linear": (
        {"type": "wsd", "start_lr": 0.001, "stop_lr": 1e-05},
        1000,
        {
            0: 0.001,
            899: 0.001,
            900: 0.001,
            901: 0.0005025125628140704,
            950: 1.9801980198019806e-05,
            999: 1.0099989900010101e-05,
            1000: 1e-05,
        },
    ),
    "wsd, cosine": (
        {
            "type": "wsd",
            "start_lr": 0.001,
            "stop_lr": 1e-05,
            "decay_type": "cosine",
            "decay_phase_ratio": 0.5,
            "warmup_steps": 10,
        },
        1000,
        {5: 0.0005, 499: 0.001, 500: 0.001, 750: 0.000505, 999: 1.000977087621213e-05},
    ),
    "wsd, linear over all steps": (
        {
            "type": "wsd",
            "start_lr": 0.001,
            "stop_lr": 1e-05,
            "decay_type": "linear",
            "decay_phase_ratio": 1.0,
            "warmup_steps": 10,
        },
        1000,
        {10: 0.001, 11: 0.000999, 500: 0.00051, 999: 1.0999999999999942e-05},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rates_of_deepmd_kit(name):
    config, numb_steps, expected = CASES[name]
    rate = learning_rate(config, numb_steps)
    assert {step: rate(step) for step in expected} == pytest.approx(expected, rel=1e-12)


def test_no_steps():
    for kind in ("exp", "cosine", "wsd"):
        assert learning_rate({"type": kind, "start_lr": 1e-3, "stop_lr": 1e-5}, 0)(0) in (1e-3, 1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "step"}, "type 'step': expected one of exp, cosine, wsd"),
        ({"start_lr": -1e-3}, "start_lr -0.001: expected a number above 0"),
        ({"start_lr": float("nan")}, "start_lr nan"),
        ({"stop_lr": None}, "one of stop_lr and stop_lr_ratio, not neither"),
        ({"stop_lr_ratio": 0.1}, "one of stop_lr and stop_lr_ratio, not both"),
        ({"warmup_steps": 5, "warmup_ratio": 0.1}, "one of warmup_steps and warmup_ratio"),
        ({"warmup_steps": 100}, "100 warm-up steps in a training of 100 steps"),
        ({"decay_steps": 0}, "decay_steps 0"),
        ({"decay_rate": 1.5}, r"decay_rate 1\.5: expected a number above 0 and up to 1"),
        ({"decay_rate": 0.0}, r"decay_rate 0\.0"),
        ({"stop_lr": 0.01}, r"stop_lr 0\.01 is above start_lr 0\.001"),
        ({"stop_lr": None, "stop_lr_ratio": 2.0}, r"stop_lr 0\.002 is above start_lr 0\.001"),
        ({"type": "cosine", "stop_lr": 0.01}, r"stop_lr 0\.01 is above start_lr 0\.001"),
        ({"type": "wsd", "stop_lr": 0.0}, "stop_lr 0.0: expected a number above 0"),
        ({"type": "wsd", "decay_phase_ratio": 1.5}, "decay_phase_ratio 1.5"),
        ({"type": "wsd", "decay_type": "square"}, "decay_type 'square': expected one of inverse_linear"),
    ],
)
def test_wrong_sections(changes, message):
    with pytest.raises(InputError, match=message):
        learning_rate({"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-5} | changes, 100)
