# SPDX-License-Identifier: LGPL-3.0-or-later
"""Virials: whether the pressure rises as a cell is compressed, and by as much as it can.

Of frames of one composition with volumes V the pressure p = tr W / 3V is -B ln V plus what rises with the thermal
energy. So a regression of p on ln V and on the energy finds the bulk modulus B, which is above 0.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from deepmd.check.finding import Finding, some_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from deepmd.data import Batch

STIFFEST = 10.0
"""[eV/Å³] 1,600 GPa; diamond has 443 GPa, 2.8 eV/Å³."""
LARGEST = 50.0
"""[eV/atom] Root mean square of the components; at 1,000 GPa some 30."""
CERTAIN = 0.8
"""Correlation of volume and pressure, at equal energies, that tells."""
FEW, LITTLE = 8, 0.005
"""Fewer frames, or a smaller spread of ln V, tell nothing."""
USUAL = 0.5
"""[eV/Å³] Bulk modulus of a solid, within a factor of six; [eV/atom] a large virial."""
GAP = 500.0
"""Between what GPa (160) and kbar (1,602) make of the usual."""
GPA = 160.2177
"""[GPa] in 1 eV/Å³."""


class Virials:
    """What virials tell beside volumes and energies; frames come batch by batch."""

    def __init__(self) -> None:
        self._origins: dict[tuple[str, bytes], np.ndarray] = {}
        # by system and composition: frames, their ln V, energy per atom and pressure, and the products of these
        self._sums: dict[tuple[str, bytes], np.ndarray] = defaultdict(lambda: np.zeros((4, 4)))
        self._squares: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(2))

    def add(self, batch: Batch) -> None:
        """Takes periodic frames in that have virials and energies; others are left out."""
        if batch.box is None or not (batch.found.get("virial") and batch.found.get("energy")):
            return
        natoms = (batch.atype >= 0).sum(axis=1)
        virial, volume = batch.labels["virial"], np.abs(np.linalg.det(batch.box))
        pressure = virial[:, ::4].sum(axis=1) / (3.0 * volume)
        values = np.column_stack([np.log(volume / natoms), batch.labels["energy"][:, 0] / natoms, pressure])
        self._squares[batch.system] += virial.size, ((virial / natoms[:, None]) ** 2).sum()
        compositions, numbers = np.unique(np.sort(batch.atype, axis=1), axis=0, return_inverse=True)
        for number, composition in enumerate(compositions):
            own = values[numbers.ravel() == number]
            key = batch.system, composition.tobytes()
            # energies are large beside their differences
            rows = np.column_stack([np.ones(len(own)), own - self._origins.setdefault(key, own[0])])
            self._sums[key] += rows.T @ rows

    def findings(self) -> Iterator[Finding]:
        """What can't be of the virials."""
        moduli = {name: self._modulus([name]) for name in self._squares}
        others = [name for name, found in moduli.items() if found is None]
        together = self._modulus(others)
        moduli |= dict.fromkeys(others, together)
        flipped = [name for name, found in moduli.items() if found is not None and found < 0.0]
        if flipped:
            yield Finding(
                "sign",
                f"the virials probably have the wrong sign, the pressure falls as cells are compressed "
                f"({len(flipped)} of {len(moduli)} systems: {some_names(flipped)}): a virial is -dE/d(strain), ASE's "
                "stress times minus the volume; the stress of VASP has the other sign.",
            )
        large = {name: each for name in moduli if (each := self._too_large(name, moduli[name])) is not None}
        if large:
            evidence, factor = max(large.values(), key=lambda each: each[1])
            yield Finding(
                "virials",
                f"the virials are too large ({len(large)} of {len(moduli)} systems: {some_names(list(large))}), "
                f"{evidence}: they are probably of a stress in {'kbar' if factor > GAP else 'GPa'}, but are taken as "
                "eV; 1 eV/Å³ is 160.2 GPa, 1,602 kbar.",
            )

    def _too_large(self, system: str, modulus: float | None) -> tuple[str, float] | None:
        """By what virials of a system are too large, and how many times as large as usual; None where they are not."""
        if modulus is not None and abs(modulus) > STIFFEST:
            return f"by them the bulk modulus is {abs(modulus) * GPA:,.0f} GPa, diamond has 443", abs(modulus) / USUAL
        count, squares = self._squares[system]
        rms = float(np.sqrt(squares / count))
        return (f"their rms is {rms:.3g} eV/atom", rms / USUAL) if rms > LARGEST else None

    def _modulus(self, systems: Iterable[str]) -> float | None:
        """B of some systems together [eV/Å³]; None where they do not tell it."""
        names = set(systems)
        sums = [each for (name, _), each in self._sums.items() if name in names]
        count = sum(each[0, 0] for each in sums)
        if count < FEW:
            return None
        centred = sum(
            (each[1:, 1:] - np.outer(each[0, 1:], each[0, 1:]) / each[0, 0] for each in sums), np.zeros((3, 3))
        )
        (vv, ve, vp), (_, ee, ep), (_, _, pp) = centred
        if ee > 0.0:
            # at equal energies
            vv, vp, pp = vv - ve**2 / ee, vp - ve * ep / ee, pp - ep**2 / ee
        if vv < count * LITTLE**2 or pp <= 0.0 or abs(vp) < CERTAIN * np.sqrt(vv * pp):
            return None
        return float(-vp / vv)
