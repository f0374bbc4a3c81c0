# SPDX-License-Identifier: LGPL-3.0-or-later
"""The ASE calculator of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from deepmd.errors import InputError
from deepmd.infer import DeepDipole, DeepEval, DeepPot

try:
    from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes
except ImportError as error:
    raise ImportError("deepmd.calculator needs ASE: `pip install 'deepmd-core[ase]'`.") from error

if TYPE_CHECKING:
    from pathlib import Path

    from ase import Atoms

PARAMETERS = ("fparam", "aparam", "charge_spin")
OF_FRAMES = ("energy", "free_energy", "forces", "virial", "stress")
OF_ATOMS = ("energies", "stresses")
"""Each atom's part of the energy and of the stress, computed where they are asked for."""
GAP = 1.0
"""Room beyond the cut-off [Å] between images along an open axis."""


class DP(Calculator):
    """ASE calculator that evaluates a Deep Potential model; one of dipoles gives ``dipole`` only.

    ``atoms.info["fparam"]``, ``["aparam"]`` and ``["charge_spin"]`` are handed to the model. Each axis may be periodic
    or open. The stress is -virial / volume in ASE's order (xx, yy, zz, yz, xz, xy): tension is positive.

    Parameters
    ----------
    model : str or Path
        Model file.
    label : str
        Name of the calculator.
    type_dict : dict[str, int], optional
        Type of each element; default: the model's type map.
    neighbor_list : object, optional
        Neighbor list of ASE's kind, for backends that take one.
    head : str, optional
        Branch of a multi-task model.
    **kwargs
        Handed to ASE's `Calculator`.

    Examples
    --------
    >>> from ase.build import molecule
    >>> from deepmd.calculator import DP
    >>> water = molecule("H2O", calculator=DP("model.pth"))
    >>> energy = water.get_potential_energy()
    """

    name = "DP"
    implemented_properties: list[str] = [*OF_FRAMES, *OF_ATOMS]  # noqa: RUF012  as ASE has it

    def __init__(
        self,
        model: str | Path,
        label: str = "DP",
        type_dict: dict[str, int] | None = None,
        neighbor_list: Any = None,
        head: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(label=label, **kwargs)
        self.dp = DeepEval(model, neighbor_list=neighbor_list, head=head)
        if isinstance(self.dp, DeepDipole):
            self.implemented_properties = ["dipole"]
        elif not isinstance(self.dp, DeepPot):
            kind = self.dp.outputs[0].name
            raise InputError(f"{self.dp.model_file} is a model of {kind!r}, for which ASE has no property.")
        if self.dp.has_spin:
            raise InputError(
                f"{self.dp.model_file} is a model of spins, which this calculator does not take; use "
                "DeepPot.eval(..., spin=...)."
            )
        self.type_dict = type_dict or {name: index for index, name in enumerate(self.dp.get_type_map())}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | tuple[str, ...] = ("energy",),
        system_changes: list[str] = all_changes,
    ) -> None:
        """Computes all properties of the frame, and those of its atoms where one of them is asked for.

        Raises
        ------
        InputError
            The model does not know an element.
        PropertyNotImplementedError
            The stress is asked for, but the cell has no volume or no axis is periodic.
        """
        super().calculate(atoms, properties, system_changes)
        present = cast("Atoms", self.atoms)
        frame = (present.positions, periodic_cell(present, self.dp.get_rcut()), self._find_types(present))
        parameters: dict[str, Any] = {key: present.info.get(key) for key in PARAMETERS}
        if isinstance(self.dp, DeepPot):
            wants_atoms = not set(OF_ATOMS).isdisjoint(properties)
            self.results = self._of_potential(self.dp.eval(*frame, atomic=wants_atoms, hessian=False, **parameters))
        else:
            self.results = {"dipole": cast("DeepDipole", self.dp).eval(*frame, atomic=False, **parameters)[0]}
        self._divide_by_volume(present, properties)

    def _of_potential(self, values: tuple[np.ndarray, ...]) -> dict[str, Any]:
        energy, force, virial, *of_atoms = values
        results = {
            "energy": float(energy[0, 0]),
            "free_energy": float(energy[0, 0]),
            "forces": force[0],
            "virial": virial[0].reshape(3, 3),
        }
        if of_atoms:
            results |= {"energies": of_atoms[0][0, :, 0], "virials": of_atoms[1][0].reshape(-1, 3, 3)}
        return results

    def _divide_by_volume(self, present: Atoms, properties: list[str] | tuple[str, ...]) -> None:
        """The stresses of the virials, where there is a volume."""
        names = {"virial": "stress", "virials": "stresses"}
        if present.pbc.any() and present.cell.rank == 3:
            volume = present.get_volume()
            for virial, stress in names.items():
                if virial in self.results:
                    self.results[stress] = _stress(self.results[virial], volume)
        elif not set(names.values()).isdisjoint(properties):
            raise PropertyNotImplementedError("stress: the system has no volume, since it is not periodic.")

    def get_property(self, name: str, atoms: Atoms | None = None, allow_calculation: bool = True) -> Any:
        """A property; PropertyNotImplementedError says what the model is of where it does not have it."""
        if name not in self.implemented_properties:
            kind, given = self.dp.outputs[0].name, ", ".join(self.implemented_properties)
            raise PropertyNotImplementedError(
                f"{name}: {self.dp.model_file} is a model of {kind!r}; what it gives is {given}."
            )
        return super().get_property(name, atoms, allow_calculation)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What changed since the last calculation; ASE itself does not look at ``atoms.info``."""
        changes: list[str] = super().check_state(atoms, tol)
        if self.atoms is not None:
            before, now = (
                {key: np.asarray(each.info.get(key)) for key in PARAMETERS}
                for each in (cast("Atoms", self.atoms), atoms)
            )
            changes += [key for key in PARAMETERS if not np.array_equal(before[key], now[key])]
        return changes

    def _find_types(self, atoms: Atoms) -> list[int]:
        symbols = atoms.get_chemical_symbols()
        unknown = sorted(set(symbols) - set(self.type_dict))
        if unknown:
            raise InputError(f"the model does not know {', '.join(unknown)}; it knows {', '.join(self.type_dict)}.")
        return [self.type_dict[symbol] for symbol in symbols]


def periodic_cell(atoms: Atoms, rcut: float) -> np.ndarray | None:
    """A cell, periodic in all directions, in which the atoms have the neighbors that they have in their own.

    Models know only cells that are periodic in all directions or in none. An open axis becomes one at right
    angles to the periodic ones that is so long that no atom is within ``rcut`` of an image along it.

    Parameters
    ----------
    atoms : Atoms
        Any of its axes may be periodic.
    rcut : float
        Cut-off radius [Å].

    Returns
    -------
    np.ndarray, (3, 3) [Å], or None
        Rows are cell vectors; None: no axis is periodic.
    """
    pbc = atoms.pbc
    if not pbc.any():
        return None
    cell = np.array(atoms.cell)
    if pbc.all():
        return cell
    # the right singular vectors beyond the rank span what is perpendicular to the periodic axes
    normals = np.linalg.svd(cell[pbc])[2][pbc.sum() :]
    extent = np.ptp(atoms.positions @ normals.T, axis=0)
    cell[~pbc] = normals * (extent + rcut + GAP)[:, None]
    return cell


def _stress(virial: np.ndarray, volume: float) -> np.ndarray:
    """Stress in Voigt's order, (..., 6) [eV/Å³], of virials (..., 3, 3) [eV]."""
    stress: np.ndarray = -(virial + np.swapaxes(virial, -1, -2)) / (2 * volume)
    return stress[..., [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
