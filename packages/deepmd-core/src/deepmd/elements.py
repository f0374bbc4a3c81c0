# SPDX-License-Identifier: LGPL-3.0-or-later
"""The chemical elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ELEMENTS = """H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os
Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc
Lv Ts Og""".split()
"""Symbols by atomic number, hydrogen first."""


def sort_elements(names: Iterable[str]) -> list[str]:
    """Names by atomic number; those that are no element's come last, in the order given."""
    order = {name: number for number, name in enumerate(ELEMENTS)}
    return sorted(names, key=lambda name: order.get(name, len(ELEMENTS)))
