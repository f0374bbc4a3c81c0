# SPDX-License-Identifier: LGPL-3.0-or-later
"""The Paddle backend: how paddle trains, freezes and evaluates the models of deepmd-dp."""

import os

__version__ = "0.1.0"

# Threads that spin while they wait take the cores from whoever else uses them, our own reading of data included.
# Paddle's OpenMP reads it when it is loaded, so it stands here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
