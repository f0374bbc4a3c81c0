# SPDX-License-Identifier: LGPL-3.0-or-later
"""The PyTorch backend: how torch trains, freezes and evaluates the models of deepmd-dp."""

from deepmd_dp.kit.threads import sleep_on_busy_cores

__version__ = "4.0.0a1"

# before torch loads its OpenMP
sleep_on_busy_cores()
