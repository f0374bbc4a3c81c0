# SPDX-License-Identifier: LGPL-3.0-or-later
"""The update of Adam and AdamW, weight decay and clipping included, against the formulas."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.comparison import assert_close
from deepmd_dp.conformance.parts import Part
from deepmd_dp.conformance.training import LEARNING_RATE, config_of, new_trainer, train, trained_leaves

if TYPE_CHECKING:
    from deepmd.train import Trainer

CASE = CASES[0]
BETAS = {"adam_beta1": 0.8, "adam_beta2": 0.95}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "Adam": {"type": "Adam"},
    "Adam with weight decay": {"type": "Adam", "weight_decay": 0.1},
    "AdamW": {"type": "AdamW", "weight_decay": 0.1},
    "Adam with clipping": {"type": "Adam"},
}
MAX_NORM = 1.0
EPSILON = 1e-8

Arrays = dict[str, np.ndarray]


class Moment(NamedTuple):
    """Parameters, m and v after some steps, each by path."""

    parameters: Arrays
    m: Arrays
    v: Arrays


class OptimizerTests(Part):
    """Steps of the backend's optimisers.

    References
    ----------
    Kingma & Ba, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter, arXiv:1711.05101, algorithm 2.
    """

    @pytest.mark.parametrize("name", OPTIMIZERS)
    def test_update(self, name: str) -> None:
        """m <- b1 m + (1-b1) g and v <- b2 v + (1-b2) g², then p <- p - lr (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) + eps)."""
        beta1, beta2 = BETAS.values()
        decoupled = 1.0 - LEARNING_RATE * OPTIMIZERS[name]["weight_decay"] if name == "AdamW" else 1.0
        for t, (before, after) in enumerate(pairwise(_history(self.flag, name)), start=1):
            for path, start in before.parameters.items():
                m, v = after.m[path], after.v[path]
                g = (m - beta1 * before.m.get(path, 0.0)) / (1.0 - beta1)
                assert_close(v, beta2 * before.v.get(path, 0.0) + (1.0 - beta2) * g**2, 1e-9, f"exp_avg_sq/{path}")
                step = LEARNING_RATE * m / (1.0 - beta1**t) / (np.sqrt(v / (1.0 - beta2**t)) + EPSILON)
                assert_close(after.parameters[path], decoupled * start - step, 1e-13, path)

    def test_weight_decay_of_adam_is_in_the_gradient(self) -> None:
        plain, decayed = (_first_gradient(self.flag, name) for name in ("Adam", "Adam with weight decay"))
        start = _history(self.flag, "Adam")[0].parameters
        for path, gradient in plain.items():
            assert_close(decayed[path], gradient + 0.1 * start[path], 1e-10, path)

    def test_clipping(self) -> None:
        """To the norm 1 the gradient is divided by its norm plus 1e-6."""
        whole, clipped = (_first_gradient(self.flag, name) for name in ("Adam", "Adam with clipping"))
        norm = np.sqrt(sum(np.sum(gradient**2) for gradient in whole.values()))
        assert norm > 2.0 * MAX_NORM
        for path, gradient in whole.items():
            assert_close(clipped[path], gradient * MAX_NORM / (norm + 1e-6), 1e-10, path)

    def test_unknown_optimizer(self) -> None:
        with pytest.raises(InputError, match="LKF"):
            new_trainer(CASE, self.flag, config_of(CASE) | {"optimizer": {"type": "LKF"}})


@cache
def _history(flag: str, name: str) -> list[Moment]:
    """The moments before the first step and after each of three."""
    config = config_of(CASE) | {"optimizer": OPTIMIZERS[name] | BETAS}
    config["training"]["gradient_max_norm"] = MAX_NORM if name == "Adam with clipping" else 0.0
    trainer = new_trainer(CASE, flag, config)
    moments = [_moment(trainer)]
    for step in range(3):
        train(trainer, CASE, range(step, step + 1))
        moments.append(_moment(trainer))
    return moments


def _moment(trainer: Trainer) -> Moment:
    state = trainer.state()
    slots: dict[str, Arrays] = {slot: {} for slot in ("step", "exp_avg", "exp_avg_sq")}
    for name, array in state.optimizer.items():
        slot, _, path = name.partition("/")
        slots[slot][path] = array
    return Moment(trained_leaves(state.model), slots["exp_avg"], slots["exp_avg_sq"])


def _first_gradient(flag: str, name: str) -> Arrays:
    return {path: m / (1.0 - BETAS["adam_beta1"]) for path, m in _history(flag, name)[1].m.items()}
