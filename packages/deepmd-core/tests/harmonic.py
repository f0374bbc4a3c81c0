# SPDX-License-Identifier: LGPL-3.0-or-later
"""Data as they should be: molecules of water whose bonds are springs, at a temperature."""

from __future__ import annotations

import numpy as np

NAMES = ["O", "H"]
LENGTH, STIFFNESS = 0.97, 48.0
"""Of an O-H bond [Å, eV/Å²]."""
ENERGY = -14.2
"""Of a molecule at rest [eV]."""
SPACING = 3.5
MOLECULE = LENGTH * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [-0.25, 0.968, 0.0]])


def thermal_water(nframes=40, nmolecules=8, seed=0, amplitude=0.03):
    """Independent frames in a cubic cell: coord, box, energy, force as they are in the files, and the types.

    Parameters
    ----------
    amplitude : float
        Standard deviation of each coordinate [Å].
    """
    rng = np.random.default_rng(seed)
    edge = SPACING * np.ceil(nmolecules ** (1 / 3))
    grid = np.array(list(np.ndindex(*[int(edge / SPACING)] * 3)))[:nmolecules] * SPACING
    coord = (grid[:, None] + MOLECULE)[None] + amplitude * rng.standard_normal((nframes, nmolecules, 3, 3))
    bond = coord[:, :, 1:] - coord[:, :, :1]
    length = np.linalg.norm(bond, axis=-1)
    pull = STIFFNESS * (length - LENGTH)[..., None] * bond / length[..., None]
    force = np.concatenate([pull.sum(axis=2, keepdims=True), -pull], axis=2)
    energy = nmolecules * ENERGY + 0.5 * STIFFNESS * ((length - LENGTH) ** 2).sum(axis=(1, 2))
    frames = {
        "coord": coord.reshape(nframes, -1),
        "box": np.tile(np.diag([edge] * 3).ravel(), (nframes, 1)),
        "energy": energy[:, None],
        "force": force.reshape(nframes, -1),
    }
    return frames, [0, 1, 1] * nmolecules
