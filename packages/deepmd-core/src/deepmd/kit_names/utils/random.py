# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.random`: random numbers for a program's own use; training here takes its seeds from the input only."""

from numpy.random import RandomState

__all__ = ["choice", "random", "seed", "shuffle"]

_generator = RandomState()
choice = _generator.choice
random = _generator.random_sample
seed = _generator.seed
shuffle = _generator.shuffle
