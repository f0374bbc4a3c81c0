# SPDX-License-Identifier: LGPL-3.0-or-later
"""How memory grows when a model is opened, run and closed again and again in C++, whatever its file.

python benchmarks/growth.py model.safetensors --cycles 10000
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path

import numpy as np

from deepmd_cc.model import Model

WARM_UP = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="models of any backend")
    parser.add_argument("--cycles", type=int, default=1000, help="how often each is opened")
    parser.add_argument("--run-every", type=int, default=10, help="every how many cycles it is run")
    arguments = parser.parse_args()
    for path in arguments.files:
        sizes = [resident_size(path, k % arguments.run_every == 0) for k in range(arguments.cycles)]
        warm = sizes[min(WARM_UP, len(sizes) - 1)]
        growth = sizes[-1] - warm
        each = 1e3 * growth / max(1, len(sizes) - 1 - WARM_UP)
        print(
            f"{path}: {warm:.1f} MB after {WARM_UP} of {len(sizes)} cycles, {growth:+.2f} MB since, {each:+.2f} kB each"
        )


def resident_size(path: str, runs: bool) -> float:
    """Memory of this process after a cycle [MB]."""
    model = Model(path, nthreads=1)
    if runs:
        rng = np.random.default_rng(1)
        grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
        section = model.record["model"]
        types = np.arange(len(grid)) % len(section["type_map"])
        fparam, aparam = np.zeros(section["dim_fparam"]), np.zeros((len(grid), section["dim_aparam"]))
        model.compute(2.2 * grid + rng.uniform(-0.2, 0.2, grid.shape), None, types, fparam, aparam)
    model.close()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
