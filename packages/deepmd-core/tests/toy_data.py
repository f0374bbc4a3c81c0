# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small systems written to disk, for the tests of data and training."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = ["O", "H"]


def frames_of(types: list[int], nframes: int, seed: int = 0, edge: float = 6.0) -> dict[str, np.ndarray]:
    """Random frames of atoms in a cubic cell: coord, box, energy, force as they are in the files."""
    rng = np.random.default_rng(seed)
    natoms = len(types)
    energy = -10.0 * types.count(0) - 2.0 * types.count(1) + 0.1 * rng.standard_normal((nframes, 1))
    return {
        "coord": rng.uniform(0, edge, (nframes, natoms * 3)),
        "box": np.tile(np.diag([edge] * 3).ravel(), (nframes, 1)),
        "energy": energy,
        "force": rng.standard_normal((nframes, natoms * 3)),
    }


def write_system(
    folder: Path,
    types: list[int] | None = None,
    nframes: int = 5,
    *,
    seed: int = 0,
    sets: int = 1,
    names: list[str] | None = NAMES,
    pbc: bool = True,
    **replaced: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """Writes an npy system, its frames split among sets; ``replaced`` changes, adds or (None) drops arrays."""
    types = [0, 1, 1] if types is None else types
    arrays = frames_of(types, nframes, seed) | replaced
    folder.mkdir(parents=True, exist_ok=True)
    folder.joinpath("type.raw").write_text("\n".join(map(str, types)))
    if names is not None:
        folder.joinpath("type_map.raw").write_text("\n".join(names))
    if not pbc:
        folder.joinpath("nopbc").touch()
        arrays["box"] = None
    for number, rows in enumerate(np.array_split(np.arange(nframes), sets)):
        directory = folder / f"set.{number:03d}"
        directory.mkdir()
        for key, array in arrays.items():
            if array is not None:
                np.save(directory / f"{key}.npy", array[rows] if len(array) == nframes else array)
    return {key: array for key, array in arrays.items() if array is not None}
