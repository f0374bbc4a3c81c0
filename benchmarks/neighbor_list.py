# SPDX-License-Identifier: LGPL-3.0-or-later
"""Prints the median time [s] of one neighbor list within 6 Å: `neighbor_list.py NATOMS`.

In an environment with deepmd-kit it times the list that its Python inference builds.
"""

import sys
import time
from statistics import median

from water import water_box

coord, box, types = water_box(int(sys.argv[1]) // 3)
try:
    from deepmd_dp.neighbor import build_neighbor_list

    def build():
        return build_neighbor_list(coord, box, types, 6.0, ntypes=2, by_type=True)

except ImportError:
    import torch

    from deepmd.pt.utils.nlist import extend_input_and_build_neighbor_list

    frame = (torch.tensor(coord)[None], torch.tensor(types)[None])

    def build():
        return extend_input_and_build_neighbor_list(
            *frame, 6.0, [46, 92], mixed_types=False, box=torch.tensor(box.reshape(1, 9))
        )


times = []
for _ in range(4):
    start = time.perf_counter()
    build()
    times.append(time.perf_counter() - start)
print(median(times[1:]))
