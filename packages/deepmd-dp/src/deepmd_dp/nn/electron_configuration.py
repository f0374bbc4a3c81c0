# SPDX-License-Identifier: LGPL-3.0-or-later
"""Ground-state electron configurations as vectors that embed an element."""

from __future__ import annotations

import math

import numpy as np

from deepmd.elements import ELEMENTS
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Float

_SUBSHELLS = "1s 2s 2p 3s 3p 3d 4s 4p 4d 4f 5s 5p 5d 5f 6s 6p 6d 7s 7p".split()
_FILLING_ORDER = "1s 2s 2p 3s 3p 4s 3d 4p 5s 4d 5p 6s 4f 5d 6p 7s 5f 6d 7p".split()
_CAPACITY = {"s": 2, "p": 6, "d": 10, "f": 14}

ECONF_DIM = sum(_CAPACITY[name[1]] for name in _SUBSHELLS)
"""Number of spin orbitals, the length of a vector."""

# Where the order of filling (Madelung's rule) does not give the ground state. Figures that are contested
# (Lr, Ds, Rg) are as deepmd-kit has them, since its models depend on them.
_EXCEPTIONS = {
    "Cr": {"4s": 1, "3d": 5},
    "Cu": {"4s": 1, "3d": 10},
    "Nb": {"5s": 1, "4d": 4},
    "Mo": {"5s": 1, "4d": 5},
    "Ru": {"5s": 1, "4d": 7},
    "Rh": {"5s": 1, "4d": 8},
    "Pd": {"5s": 0, "4d": 10},
    "Ag": {"5s": 1, "4d": 10},
    "La": {"4f": 0, "5d": 1},
    "Ce": {"4f": 1, "5d": 1},
    "Gd": {"4f": 7, "5d": 1},
    "Pt": {"6s": 1, "5d": 9},
    "Au": {"6s": 1, "5d": 10},
    "Ac": {"5f": 0, "6d": 1},
    "Th": {"5f": 0, "6d": 2},
    "Pa": {"5f": 2, "6d": 1},
    "U": {"5f": 3, "6d": 1},
    "Np": {"5f": 4, "6d": 1},
    "Cm": {"5f": 7, "6d": 1},
    "Ds": {"7s": 1, "6d": 9},
    "Rg": {"7s": 1, "6d": 10},
}


def occupations(element: str) -> dict[str, int]:
    """Electrons in each subshell of the neutral atom."""
    left = ELEMENTS.index(element) + 1
    filled = {}
    for name in _FILLING_ORDER:
        filled[name] = min(left, _CAPACITY[name[1]])
        left -= filled[name]
    return filled | _EXCEPTIONS.get(element, {})


def _spin_orbitals(name: str, electrons: int) -> np.ndarray:
    """1 for an occupied spin orbital, -1 for an empty one; Hund: one spin fills all orbitals first."""
    spins = -np.ones((_CAPACITY[name[1]] // 2, 2))
    spins[:electrons, 1] = 1.0
    spins[: max(0, electrons - len(spins)), 0] = 1.0
    return spins.ravel()


def electron_configuration(type_map: list[str] | tuple[str, ...]) -> Float[np.ndarray, "ntypes 118"]:
    """Vectors of unit length for the elements.

    Raises
    ------
    InputError
        A type is not the symbol of an element.
    """
    unknown = [name for name in type_map if name not in ELEMENTS]
    if unknown or not type_map:
        raise InputError(
            f"use_econf_tebd needs chemical elements in type_map; {unknown or 'an empty type_map'} is not."
        )
    rows = [np.concatenate([_spin_orbitals(s, occupations(name)[s]) for s in _SUBSHELLS]) for name in type_map]
    return np.array(rows) / math.sqrt(ECONF_DIM)
