# SPDX-License-Identifier: LGPL-3.0-or-later
"""A backend for tests: dipoles from the directions to the neighbors, by NumPy and brute force."""

from __future__ import annotations

import numpy as np
from morse import MorseBackend, MorseEval

from deepmd.backend import discovery
from deepmd.outputs import OutputDef


class BondEval(MorseEval):
    """Dipole of atom i: q_i times the sum over its neighbors of (1 - r²/rcut²)² (r_j - r_i), q_i its type plus 1.

    Settings: ``selected``, the types that have a dipole, and ``has_derivative``.
    """

    @property
    def outputs(self):
        selected = self.settings.get("selected")
        has_derivative = self.settings.get("has_derivative", True)
        selected = None if selected is None else tuple(selected)
        return (OutputDef("dipole", (3,), "eÅ", has_derivative=has_derivative, selected_types=selected),)

    def eval(self, coords, cells, atom_types, atomic=False, fparam=None, aparam=None, derivatives=True, **kwargs):
        self._take(coords)
        frames = [self._frame(c, None if cells is None else cells[i], atom_types[i]) for i, c in enumerate(coords)]
        dipole, force, virial = (np.array(part) for part in zip(*frames, strict=True))
        terms = {"dipole": dipole.sum(axis=1)}
        if derivatives:
            terms |= {"dipole_force": force, "dipole_virial": virial.sum(axis=2)}
        if atomic:
            terms |= {"atom_dipole": dipole}
        return terms | ({"atom_dipole_virial": virial} if atomic and derivatives else {})

    def eval_with_ghosts(self, *args, **kwargs):
        return None

    def _frame(self, coord, cell, atype):
        """Dipoles (natoms, 3), forces (3, natoms, 3), atomic virials (3, natoms, 9)."""
        rcut = self.get_rcut()
        i, j, vector = self._pairs(coord, cell, atype)
        selected = self.outputs[0].selected_types
        charge = (atype[i] + 1.0) * (1.0 if selected is None else np.isin(atype[i], selected))
        cut = 1 - np.sum(vector**2, axis=1) / rcut**2
        dipole, force, virial = np.zeros((len(coord), 3)), np.zeros((3, len(coord), 3)), np.zeros((3, len(coord), 9))
        np.add.at(dipole, i, (charge * cut**2)[:, None] * vector)
        for k in range(3):
            gradient = (-4 * charge * cut / rcut**2 * vector[:, k])[:, None] * vector
            gradient[:, k] += charge * cut**2
            np.add.at(force[k], i, gradient)
            np.add.at(force[k], j, -gradient)
            np.add.at(virial[k], j, -(gradient[:, :, None] * vector[:, None, :]).reshape(-1, 9))
        return dipole, force, virial


class BondBackend(MorseBackend):
    name = "Bonds"
    flags = ("bonds",)
    suffixes = (".bonds",)

    @property
    def deep_eval(self):
        return BondEval


def install(monkeypatch):
    """Makes Bonds and Morse the only installed backends."""
    monkeypatch.setattr(discovery, "installed_backends", lambda: {"bonds": BondBackend(), "morse": MorseBackend()})


def write_system(folder, coord, cell, atype, type_map=("O", "H"), **labels):
    """A data system."""
    folder = folder / "set.000"
    folder.mkdir(parents=True)
    (folder.parent / "type.raw").write_text("\n".join(map(str, atype)) + "\n")
    (folder.parent / "type_map.raw").write_text("\n".join(type_map) + "\n")
    for key, array in labels.items():
        np.save(folder / f"{key}.npy", np.reshape(array, (len(coord), -1)))
    np.save(folder / "coord.npy", coord.reshape(len(coord), -1))
    if cell is None:
        (folder.parent / "nopbc").touch()
    else:
        np.save(folder / "box.npy", cell.reshape(-1, 9))
    return str(folder.parent)
