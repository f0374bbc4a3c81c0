# SPDX-License-Identifier: LGPL-3.0-or-later
"""Small sets of atoms, for every kind of boundary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepmd_dp.dialect.array import Float, Int

TRICLINIC = np.array([[1.0, 0.0, 0.0], [0.3, 0.95, 0.0], [-0.2, 0.25, 0.9]])


@dataclass(frozen=True)
class Frames:
    """Frames with the same number of atoms.

    Attributes
    ----------
    coords, cells : [Å]
    """

    coords: Float[np.ndarray, "nframes natoms 3"]
    cells: Float[np.ndarray, "nframes 3 3"] | None
    atom_types: Int[np.ndarray, "nframes natoms"]

    def parameters(self, dim_fparam: int, dim_aparam: int) -> dict[str, np.ndarray]:
        """Values for the frame and atomic parameters that a model takes."""
        nframes, natoms = self.atom_types.shape
        rng = np.random.default_rng(5)
        values = {
            "fparam": rng.normal(size=(nframes, dim_fparam)),
            "aparam": rng.normal(size=(nframes, natoms, dim_aparam)),
        }
        return {name: value for name, value in values.items() if value.size}

    def spins(self) -> Float[np.ndarray, "nframes natoms 3"]:
        """For models that take spins [μB]."""
        return np.random.default_rng(6).normal(size=self.coords.shape)

    def charges_and_spins(self) -> Float[np.ndarray, "nframes 2"]:
        """For models that take those of frames: an anion, a neutral one, ..."""
        index = np.arange(len(self.coords), dtype=np.float64)
        return np.stack([index - 1.0, index + 1.0], axis=1)


def _jittered_grid(shape: tuple[int, int, int], spacing: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Atoms that keep a distance, (n, 3) [Å], and their cell."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    jitter = rng.uniform(-0.25, 0.25, grid.shape)
    return (grid + jitter) * spacing, np.diag(np.array(shape) * spacing)


def _types(nframes: int, natoms: int) -> np.ndarray:
    """Every third atom is of type 0."""
    return np.tile(np.arange(natoms) % 3 > 0, (nframes, 1)).astype(np.int64)


def _periodic() -> Frames:
    coord, cell = _jittered_grid((3, 2, 2), 2.2, seed=1)
    return Frames(np.stack([coord, coord @ TRICLINIC]), np.stack([cell, cell @ TRICLINIC]), _types(2, len(coord)))


def _small() -> Frames:
    """Cells smaller than the cut-off: atoms see several images of others and of themselves."""
    coord, cell = _jittered_grid((2, 1, 1), 2.4, seed=2)
    return Frames((coord @ TRICLINIC)[None], (cell @ TRICLINIC)[None], np.array([[0, 1]]))


def _open() -> Frames:
    """Without a cell; the last atom sees none. The second frame has the same atoms in another order."""
    coord, _ = _jittered_grid((2, 2, 2), 2.0, seed=3)
    coord = np.concatenate([coord, [[30.0, 0.0, 0.0]]])
    types = _types(2, len(coord))
    types[1] = types[1, ::-1]
    return Frames(np.stack([coord, coord[::-1]]), None, types)


def _virtual() -> Frames:
    """Frames of mixed types, the shorter one filled up with virtual atoms, which lie anywhere."""
    coord, cell = _jittered_grid((2, 2, 2), 2.5, seed=4)
    types = _types(2, len(coord))
    types[1, -3:] = -1
    return Frames(np.stack([coord, coord + 0.1]), np.stack([cell, 1.1 * cell]), types)


def _chain() -> Frames:
    """A long periodic chain in no order, where messages reach few atoms. One is virtual, some are outside the cell."""
    rng, natoms = np.random.default_rng(6), 60
    coord = 1.7 * np.arange(natoms)[:, None] * [1.0, 0.0, 0.0] + rng.uniform(-0.3, 0.3, (natoms, 3))
    types = _types(1, natoms)
    types[0, 5] = -1
    return Frames((4.0 + rng.permutation(coord))[None], np.diag([1.7 * natoms, 30.0, 30.0])[None], types)


CHAIN = _chain()
"""One frame for what depends on distant atoms."""
FRAMES = {"periodic and triclinic": _periodic(), "small cell": _small(), "open": _open(), "virtual atoms": _virtual()}
