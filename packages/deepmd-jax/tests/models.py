# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small models and batches, those of the conformance suite."""

from __future__ import annotations

from deepmd.train import TrainingState
from deepmd_dp.conformance.cases import CASES, Case
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.training import config_of
from deepmd_jax.trainer import JaxTrainer

BY_NAME = {case.name: case for case in CASES}
PLAIN = BY_NAME["se_e2_a: plain"]


def new_trainer(case: Case = PLAIN, cls: type[JaxTrainer] = JaxTrainer, **sections: dict) -> JaxTrainer:
    """A trainer of the case's model with statistics unlike the neutral ones; `sections` replace the input's."""
    return cls.from_state(config_of(case) | sections, TrainingState(random_document(case), {}))
