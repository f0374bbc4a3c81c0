# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a model gives: its outputs for each atom, and the terms made of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

TERM_KINDS = ("sum", "atom", "force", "virial", "atom_virial")
"""Value of a frame, values of its atoms, and the derivatives by positions, strain and strain of each atom."""


MAGNETIC_KINDS = ("force_mag", "mask_mag")
"""The derivative by the atoms' spins, and 1 for atoms that have one."""


@dataclass(frozen=True)
class TermDef:
    """An array that a model gives.

    Attributes
    ----------
    name : str
    kind : str
        One of `TERM_KINDS`, or of `MAGNETIC_KINDS`.
    axes : tuple
        Sizes: numbers, or the names ``nframes``, ``nloc``, and ``nall``, the local atoms and their ghosts.
    unit : str
    """

    name: str
    kind: str
    axes: tuple[str | int, ...]
    unit: str


@dataclass(frozen=True)
class OutputDef:
    """One quantity that a model gives for each atom.

    Attributes
    ----------
    name : str
        ``energy``, ``dipole``, …
    shape : tuple of int
        Of one atom's value; (): a scalar. In arrays these axes are one, of `ncomponents`.
    unit : str
    reduction : str or None
        How the atoms' values make the frame's: ``sum``, ``mean``, or None: there is none.
    has_derivative : bool
        Whether it is derived by the positions: each component then has a force and a virial.
    selected_types : tuple of int or None
        Types whose atoms have it; None: all.
    has_bias : bool
        Whether a constant of each type, fitted to the data, is added.
    has_common_bias : bool
        Whether that is the same for all types, the mean over the data.
    kind : str
        Kind of the models that give it, where it is not the name: ``property``, whatever the property.
    is_magnetic : bool
        Whether it depends on spins, of a scalar: then it is derived by them too.
    """

    name: str
    shape: tuple[int, ...] = ()
    unit: str = ""
    reduction: str | None = "sum"
    has_derivative: bool = False
    selected_types: tuple[int, ...] | None = None
    has_bias: bool = True
    has_common_bias: bool = False
    kind: str = ""
    is_magnetic: bool = False

    @property
    def ncomponents(self) -> int:
        """Numbers of one atom's value; 1 for a scalar."""
        return prod(self.shape)

    @property
    def is_scalar(self) -> bool:
        """Whether the derivatives have no axis of components."""
        return not self.shape

    def term_name(self, kind: str) -> str:
        """Name of a term; the energy's derivatives are just ``force``, ``virial`` and ``atom_virial``."""
        if kind in ("sum", "atom"):
            return self.name if kind == "sum" else f"atom_{self.name}"
        stem = "" if self.name == "energy" else f"{self.name}_"
        return f"atom_{stem}virial" if kind == "atom_virial" else f"{stem}{kind}"

    def terms(self, *, atomic: bool = True, derivatives: bool = True) -> tuple[TermDef, ...]:
        """The terms that a model gives of it.

        Parameters
        ----------
        atomic : bool
            With the values and the virials of the atoms.
        derivatives : bool
            With forces and virials, where it has any.
        """
        k = () if self.is_scalar else (self.ncomponents,)
        axes = {
            "sum": ("nframes", self.ncomponents),
            "atom": ("nframes", "nloc", self.ncomponents),
            "force": ("nframes", *k, "nall", 3),
            "virial": ("nframes", *k, 9),
            "atom_virial": ("nframes", *k, "nall", 9),
        }
        units = {"force": f"{self.unit}/Å"}
        wanted = [
            kind
            for kind in TERM_KINDS
            if (kind != "sum" or self.reduction)
            and (kind in ("sum", "atom") or (self.has_derivative and derivatives))
            and (atomic or not kind.startswith("atom"))
        ]
        terms = [TermDef(self.term_name(kind), kind, axes[kind], units.get(kind, self.unit)) for kind in wanted]
        if self.is_magnetic and derivatives:
            terms.append(TermDef("force_mag", "force_mag", axes["force"], f"{self.unit}/μB"))
            terms.append(TermDef("mask_mag", "mask_mag", axes["atom"], ""))
        return tuple(terms)


ENERGY = OutputDef("energy", unit="eV", has_derivative=True)
"""What a potential gives."""


def all_terms(outputs: tuple[OutputDef, ...], *, atomic: bool = True) -> tuple[TermDef, ...]:
    """The terms of several outputs, one after the other."""
    return tuple(term for output in outputs for term in output.terms(atomic=atomic))
