# SPDX-License-Identifier: LGPL-3.0-or-later
"""Training and test data: systems on disk, batches drawn from them."""

from deepmd.data.batch import Batch, DataRequirement
from deepmd.data.find import find_systems
from deepmd.data.system import System
from deepmd.data.training_data import TrainingData

__all__ = ["Batch", "DataRequirement", "System", "TrainingData", "find_systems"]
