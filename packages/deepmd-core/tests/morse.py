# SPDX-License-Identifier: LGPL-3.0-or-later
"""A backend for tests: a Morse potential with a smooth cut-off, by NumPy and brute force.

Its forces and virials are exact, so that shapes, signs and batching are tested on real numbers.
"""

from __future__ import annotations

import itertools
import json

import numpy as np

from deepmd.backend import Backend, discovery
from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd.outputs import ENERGY

DEFAULTS = {
    "type_map": ["O", "H"],
    "rcut": 3.0,
    "depth": 0.7,
    "dim_fparam": 0,
    "dim_aparam": 0,
    "default_fparam": False,
}


class MorseEval(DeepEvalBackend):
    """E = sum over pairs of D_ij ((1 - exp(-a (r - r0)))^2 - 1) (1 - r^2/rcut^2)^2.

    D_ij grows with the types; fparam[0] scales the energy; aparam[0] is added to the energy of its atom.
    """

    memory = np.inf
    """Atoms at once above which it complains like a GPU."""

    outputs = (ENERGY,)

    def __init__(self, model_file, **kwargs):
        with open(model_file, encoding="utf-8") as file:
            self.settings = DEFAULTS | json.load(file)
        self.options = kwargs
        self.calls = []
        self.is_closed = False

    def eval(self, coords, cells, atom_types, atomic=False, fparam=None, aparam=None, **kwargs):
        self._take(coords)
        frames = [self._frame(c, None if cells is None else cells[i], atom_types[i]) for i, c in enumerate(coords)]
        energy, force, virial = (np.array(part) for part in zip(*frames, strict=True))
        if fparam is not None:
            scale = 1 + fparam[:, :1, None]
            energy, force, virial = energy * scale, force * scale, virial * scale
        if aparam is not None:
            energy = energy + aparam[..., :1]
        results = {"energy": energy.sum(axis=1), "force": force, "virial": virial.sum(axis=1)}
        return results | ({"atom_energy": energy, "atom_virial": virial} if atomic else {})

    def eval_with_ghosts(self, coords, atom_types, mapping, nloc, atomic=False, fparam=None, aparam=None):
        """Each atom's energy has its own half of its pairs: those of the ghosts are left out."""
        frames = [self._frame(coord, None, types, nloc) for coord, types in zip(coords, atom_types, strict=True)]
        energy, force, virial = (np.array(part) for part in zip(*frames, strict=True))
        scale = 1.0 if fparam is None else 1 + fparam[:, :1, None]
        energy, force, virial = energy[:, :nloc] * scale, force * scale, virial * scale
        if aparam is not None:
            energy = energy + aparam[..., :1]
        results = {"energy": energy.sum(axis=1), "force": force, "virial": virial.sum(axis=1)}
        return results | ({"atom_energy": energy, "atom_virial": virial} if atomic else {})

    def eval_descriptor(self, coords, cells, atom_types, fparam=None, aparam=None, **kwargs):
        """Sum of the neighbors' cut-off functions by type."""
        self._take(coords)
        out = np.zeros((*atom_types.shape, len(self.get_type_map())))
        for frame, coord in enumerate(coords):
            i, j, vector = self._pairs(coord, None if cells is None else cells[frame], atom_types[frame])
            cut = (1 - np.sum(vector**2, axis=1) / self.get_rcut() ** 2) ** 2
            np.add.at(out[frame], (i, atom_types[frame][j]), cut)
        return out

    def get_rcut(self):
        return self.settings["rcut"]

    def get_type_map(self):
        return self.settings["type_map"]

    def get_dim_fparam(self):
        return self.settings["dim_fparam"]

    def get_dim_aparam(self):
        return self.settings["dim_aparam"]

    def has_default_fparam(self):
        return self.settings["default_fparam"]

    def get_model_def_script(self):
        return self.settings

    def serialize(self):
        return {"model": self.settings, "model_def_script": self.settings}

    def close(self):
        self.is_closed = True

    def _take(self, coords):
        natoms = coords.shape[0] * coords.shape[1]
        if natoms > self.memory:
            raise RuntimeError(f"CUDA out of memory. Tried to evaluate {natoms} atoms.")
        self.calls.append(len(coords))

    def _frame(self, coord, cell, atype, nloc=None):
        """Atomic energies (natoms, 1), forces (natoms, 3), atomic virials (natoms, 9), of the first nloc atoms."""
        rcut, width, r0 = self.get_rcut(), 1.3, 1.6
        i, j, vector = self._pairs(coord, cell, atype)
        if nloc is not None:
            own = i < nloc
            i, j, vector = i[own], j[own], vector[own]
        r = np.linalg.norm(vector, axis=1)
        depth = self.settings["depth"] * (1 + 0.3 * atype[i] + 0.3 * atype[j])
        decay, cut = np.exp(-width * (r - r0)), 1 - (r / rcut) ** 2
        pair = depth * ((1 - decay) ** 2 - 1) * cut**2
        slope = depth * (2 * width * decay * (1 - decay) * cut**2 - ((1 - decay) ** 2 - 1) * 4 * cut * r / rcut**2)
        # each pair is met twice, from both of its atoms
        gradient = 0.5 * slope[:, None] * vector / r[:, None]
        energy, force, virial = np.zeros((len(coord), 1)), np.zeros((len(coord), 3)), np.zeros((len(coord), 9))
        np.add.at(energy, i, 0.5 * pair[:, None])
        np.add.at(force, i, gradient)
        np.add.at(force, j, -gradient)
        np.add.at(virial, i, -(vector[:, :, None] * gradient[:, None, :]).reshape(-1, 9))
        return energy, force, virial

    def _pairs(self, coord, cell, atype):
        """All (i, j, r_j - r_i) within the cut-off, images included, virtual atoms left out."""
        rcut = self.get_rcut()
        shifts = np.zeros((1, 3))
        if cell is not None:
            inverse = np.linalg.inv(cell)
            reach = np.ceil(rcut * np.linalg.norm(inverse, axis=0) + np.ptp(coord @ inverse, axis=0)).astype(int)
            shifts = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach)))) @ cell
        vector = coord[None, :, None] + shifts[None, None] - coord[:, None, None]
        r = np.linalg.norm(vector, axis=-1)
        is_real = (atype >= 0)[:, None, None] & (atype >= 0)[None, :, None]
        i, j, shift = np.nonzero((r < rcut) & (r > 1e-9) & is_real)
        return i, j, vector[i, j, shift]


class MorseBackend(Backend):
    name = "Morse"
    flags = ("morse",)
    distribution = "tests"
    framework = "numpy"
    features = Backend.Feature.DEEP_EVAL | Backend.Feature.NEIGHBOR_STAT
    suffixes = (".morse",)

    @property
    def deep_eval(self):
        return MorseEval

    @property
    def neighbor_stat(self):
        return count_neighbors

    @property
    def serialize_hook(self):
        raise NotImplementedError

    @property
    def deserialize_hook(self):
        raise NotImplementedError


def count_neighbors(coord, box, atype, rcut, ntypes):
    search = MorseEval.__new__(MorseEval)
    search.settings = {"rcut": rcut}
    i, j, vector = search._pairs(coord, box, atype)
    counts = np.zeros((len(coord), ntypes), dtype=int)
    np.add.at(counts, (i, atype[j]), 1)
    nearest = np.full((ntypes, ntypes), np.inf)
    np.minimum.at(nearest, (atype[i], atype[j]), np.linalg.norm(vector, axis=1))
    return nearest, counts.max(axis=0), counts.sum(axis=1).max()


def install(monkeypatch):
    """Makes Morse the only installed backend."""
    monkeypatch.setattr(discovery, "installed_backends", lambda: {"morse": MorseBackend()})


def write_model(path, **settings):
    """A model file; the settings replace those of `DEFAULTS`."""
    path.write_text(json.dumps(settings), encoding="utf-8")
    return str(path)


def make_frames(nframes=3, nmolecules=4, seed=1):
    """Coordinates, triclinic cells and types of molecules OHH on a jittered grid."""
    rng = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(2), repeat=3)))[:nmolecules] * 2.6
    molecule = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    coord = (grid[:, None] + molecule).reshape(-1, 3) + rng.uniform(-0.15, 0.15, (nframes, nmolecules * 3, 3))
    cell = np.array([[5.2, 0.0, 0.0], [0.5, 5.3, 0.0], [-0.3, 0.4, 5.1]]) + rng.uniform(-0.1, 0.1, (nframes, 3, 3))
    return coord, cell, np.array([0, 1, 1] * nmolecules)


def write_system(folder, model, coord, cell, atype, noise=0.0, seed=2, keys=("energy", "force", "virial"), **extra):
    """A data system labelled by an open model, with noise added to the labels; gives the labels."""
    real = {key: extra[key] for key in ("fparam", "aparam") if key in extra}
    results = model.eval(coord, cell, atype, atomic=True, **real)
    labels = dict(zip(("energy", "force", "virial", "atom_ener"), results, strict=False))
    rng = np.random.default_rng(seed)
    folder = folder / "set.000"
    folder.mkdir(parents=True)
    (folder.parent / "type.raw").write_text("\n".join(map(str, atype)) + "\n")
    (folder.parent / "type_map.raw").write_text("\n".join(model.get_type_map()) + "\n")
    arrays = {key: labels[key] + noise * rng.standard_normal(labels[key].shape) for key in keys} | extra
    for key, array in arrays.items():
        np.save(folder / f"{key}.npy", array.reshape(len(coord), -1))
    np.save(folder / "coord.npy", coord.reshape(len(coord), -1))
    if cell is None:
        (folder.parent / "nopbc").touch()
    else:
        np.save(folder / "box.npy", cell.reshape(-1, 9))
    return arrays
