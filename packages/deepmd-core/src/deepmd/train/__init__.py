# SPDX-License-Identifier: LGPL-3.0-or-later
"""Training: the loop, which a backend gives the steps to."""

from deepmd.train.run import run_training
from deepmd.train.trainer import Trainer, TrainingState

__all__ = ["Trainer", "TrainingState", "run_training"]
