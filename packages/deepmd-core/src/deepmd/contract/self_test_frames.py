# SPDX-License-Identifier: LGPL-3.0-or-later
"""The frames of a self-test: a piece of a crystal, the same with its images as ghosts, and atoms far apart."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.infer.deep_eval import DeepEvalBackend

    Inputs = dict[str, np.ndarray]

PARAMETER = 0.5
"""Value of every frame and atomic parameter."""
CATION = (1, 2)
"""Charge and spin of every frame."""
SHEAR = np.array([[1.0, 0.0, 0.0], [0.2, 1.0, 0.0], [0.1, -0.15, 1.0]])
SPACING = 0.52
"""Between two points of the grid, in cut-offs, so that an atom's own images are beyond: at the cut-off rounding would
decide whether they are neighbors, which attention that is not smooth does not forgive, and nearer there would be two
at the same distance, of which a list that is full takes one."""
JITTER = 0.2
"""Largest displacement from the grid, in spacings."""
MIN_ATOMS = 8
ISOLATION = 2.5
"""Distance between atoms without neighbors, in cut-offs."""


def periodic_frame(model: DeepEvalBackend) -> Inputs:
    """A triclinic cell with at least two atoms of each type on a jittered grid.

    The spacing is about half the cut-off: some 30 neighbors each, at distances above a quarter of the cut-off.
    """
    return _crystal(model, max(MIN_ATOMS, 2 * model.get_ntypes()))


def frame_with_ghosts(model: DeepEvalBackend) -> Inputs:
    """A cell of eight atoms as local ones, with all images in reach as ghosts: what a program in C++ hands over."""
    cell = _crystal(model, MIN_ATOMS)
    coord, mapping = _with_images(cell["coord"][0], cell["box"][0], model.get_rcut())
    frame = {
        "coord": coord[None],
        "atype": cell["atype"][:, mapping],
        "mapping": mapping[None],
        "nloc": np.array(MIN_ATOMS, dtype=np.int64),
    }
    return frame | {key: cell[key] for key in ("fparam", "aparam", CHARGE_SPIN) if key in cell}


def isolated_frame(model: DeepEvalBackend) -> Inputs:
    """An atom of each type without neighbors, on a line, with open boundaries."""
    ntypes = model.get_ntypes()
    along = ISOLATION * model.get_rcut() * np.arange(ntypes, dtype=np.float64)
    frame = {"coord": along[None, :, None] * np.array([1.0, 0.1, 0.0]), "atype": np.arange(ntypes)[None]}
    return frame | _parameters(model, ntypes)


FRAMES: dict[str, Callable[[DeepEvalBackend], Inputs]] = {
    "periodic": periodic_frame,
    "ghosts": frame_with_ghosts,
    "isolated": isolated_frame,
}
"""Name of a frame to what makes its inputs."""

INPUT_SHAPES: dict[str, tuple[str | int, ...]] = {
    "coord": (1, "natoms", 3),
    "box": (1, 3, 3),
    "atype": (1, "natoms"),
    "mapping": (1, "natoms"),
    "nloc": (),
    "fparam": (1, -1),
    "aparam": (1, -1, -1),
    "spin": (1, "natoms", 3),
    "charge_spin": (1, 2),
}
"""Arrays that a frame may have: ``coord`` and ``atype`` always. Å."""


def evaluate(model: DeepEvalBackend, inputs: Inputs) -> dict[str, np.ndarray] | None:
    """The terms that a model gives of a frame, with the values of the atoms; None: it has no form for ghosts."""
    coord, atype = inputs["coord"], inputs["atype"]
    fparam, aparam = inputs.get("fparam"), inputs.get("aparam")
    others: Any = {key: inputs[key] for key in ("spin", CHARGE_SPIN) if key in inputs}
    if "mapping" in inputs:
        ghosts = (coord, atype, inputs["mapping"], int(inputs["nloc"]))
        return model.eval_with_ghosts(*ghosts, atomic=True, fparam=fparam, aparam=aparam, **others)
    return model.eval(coord, inputs.get("box"), atype, True, fparam, aparam, **others)


def _crystal(model: DeepEvalBackend, natoms: int) -> Inputs:
    side = int(np.ceil(round(natoms ** (1 / 3), 6)))
    spacing = SPACING * model.get_rcut()
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:natoms]
    jitter = np.random.default_rng(20190106).uniform(-JITTER, JITTER, grid.shape)
    frame = {
        "coord": ((grid + jitter) @ SHEAR * spacing)[None],
        "box": (SHEAR * spacing * side)[None],
        "atype": (np.arange(natoms, dtype=np.int64) % model.get_ntypes())[None],
    }
    return frame | _parameters(model, natoms)


def _parameters(model: DeepEvalBackend, natoms: int) -> Inputs:
    """The parameters, the spins, and the charge and spin of the frame that the model takes."""
    sizes = {"fparam": (1, model.get_dim_fparam()), "aparam": (1, natoms, model.get_dim_aparam())}
    found = {key: np.full(size, PARAMETER) for key, size in sizes.items() if size[-1] > 0}
    if model.takes_fragments():
        found["aparam"] = np.floor(np.arange(natoms) / 4.0).reshape(1, natoms, 1)
    if model.get_has_spin():
        direction = np.random.default_rng(19220208).normal(size=(1, natoms, 3))
        found["spin"] = direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    if model.has_chg_spin_ebd():
        found[CHARGE_SPIN] = np.array([CATION], dtype=np.float64)
    return found


def _with_images(coord: np.ndarray, cell: np.ndarray, rcut: float) -> tuple[np.ndarray, np.ndarray]:
    """The atoms, then their images within the cut-off of one of them, and the atom that each is an image of."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    # atoms lie up to JITTER spacings outside the cell
    reach = np.ceil(rcut / heights + 2 * JITTER).astype(int)
    shifts = np.array([s for s in itertools.product(*(range(-n, n + 1) for n in reach)) if any(s)])
    images = (coord[None] + (shifts @ cell)[:, None]).reshape(-1, 3)
    mapping = np.tile(np.arange(len(coord)), len(shifts))
    distance = np.linalg.norm(images[:, None] - coord[None], axis=-1).min(axis=1)
    kept = distance <= rcut
    return np.concatenate([coord, images[kept]]), np.concatenate([np.arange(len(coord)), mapping[kept]])
