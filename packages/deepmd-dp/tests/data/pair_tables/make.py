# SPDX-License-Identifier: LGPL-3.0-or-later
"""Writes tables.npz: what deepmd-kit 3.2.0 makes of tables up to a cut-off.

Run it with the Python of an environment that holds deepmd-kit: ``python make.py``. Of each table its rows, and by
cut-offs in steps beyond its end the continued rows and the coefficients.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from deepmd.utils.pair_tab import PairTab

GRIDS = {"fine": (0.02, 0.02, 7), "thirds": (0.1, 1 / 3, 4), "from 0": (0.0, 0.5, 2)}
STEPS_BEYOND = (-0.9, 0.3, 1.5, 2.7)

rng = np.random.default_rng(3)
found = {}
with TemporaryDirectory() as folder:
    path = Path(folder) / "table.txt"
    for grid, (rmin, step, nrows) in GRIDS.items():
        for end in ("zero", "not zero"):
            distance = rmin + step * np.arange(nrows)
            table = np.round(np.column_stack([distance, rng.normal(size=(nrows, 3))]), 4)
            table[-1, 1:] *= end != "zero"
            np.savetxt(path, table)
            found[f"{grid}, ends with {end}"] = table
            for beyond in STEPS_BEYOND:
                made = PairTab(str(path), rcut=float(table[-1, 0] + beyond * step))
                case = f"{grid}, ends with {end}|{beyond}"
                found |= {f"{case}|vdata": made.vdata, f"{case}|tab_data": made.tab_data}
np.savez_compressed(Path(__file__).parent / "tables.npz", **found)
