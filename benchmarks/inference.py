# SPDX-License-Identifier: LGPL-3.0-or-later
"""Prints the median time [s] in which `DeepPot` evaluates one frame: `inference.py MODEL NATOMS`.

Runs unchanged in an environment with deepmd-kit.
"""

import sys
import time
from statistics import median

from water import water_box

from deepmd.infer import DeepPot

model, natoms = DeepPot(sys.argv[1]), int(sys.argv[2])
coord, box, types = water_box(natoms // 3)
times = []
for _ in range(8):
    start = time.perf_counter()
    model.eval(coord.reshape(1, -1), box.reshape(1, 9), types.tolist())
    times.append(time.perf_counter() - start)
print(median(times[3:]))
