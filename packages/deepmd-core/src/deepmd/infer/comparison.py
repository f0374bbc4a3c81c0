# SPDX-License-Identifier: LGPL-3.0-or-later
"""What `dp test` compares of each output of a model: which labels it reads, and how they are put beside predictions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

import numpy as np

from deepmd.data import DataRequirement
from deepmd.infer.quantities import Pair, Panel, Quantity

if TYPE_CHECKING:
    from deepmd.data import Batch
    from deepmd.outputs import OutputDef

    Pairs = dict[str, Pair]
    Terms = dict[str, np.ndarray]

TENSOR = tuple(row + column for row in "xyz" for column in "xyz")


class Comparison(Protocol):
    """The comparison of one output with its labels."""

    @property
    def atomic(self) -> bool:
        """Whether values of atoms are compared."""
        ...

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is compared, in the order in which it is shown."""
        ...

    @property
    def needs_derivatives(self) -> bool:
        """Whether predictions of forces and virials are looked at."""
        ...

    @property
    def wanted(self) -> str:
        """The labels in words."""
        ...

    @property
    def labels(self) -> list[DataRequirement]:
        """What is read of the data."""
        ...

    def pair_up(self, batch: Batch, terms: Terms) -> Pairs:
        """Labels beside predictions of all quantities whose labels are in the data, by `Quantity.key`.

        Virtual atoms are left out.

        Parameters
        ----------
        batch : Batch
            Frames with the labels.
        terms : dict
            What `DeepEval.eval_terms` gives, with atomic values where they are compared.
        """
        ...


def comparisons(
    outputs: tuple[OutputDef, ...], atomic: bool, type_map: list[str], *, has_hessian: bool = False
) -> list[Comparison]:
    """The comparisons of a model's outputs, with values of atoms or without, with Hessians or without."""
    return [
        EnergyComparison(atomic, type_map, is_magnetic=output.is_magnetic, has_hessian=has_hessian)
        if output.name == "energy"
        else _of_tensor(output, atomic)
        for output in outputs
    ]


def _of_tensor(output: OutputDef, atomic: bool) -> TensorComparison:
    """Of atoms where frames have none."""
    return TensorComparison(output, atomic or output.reduction is None)


ENERGY_QUANTITIES = (
    Quantity("energy", "Energy {}", "eV", "e", ("e",), ".e.out", Panel("Energy", "eV", is_centered=True), False),
    Quantity(
        "energy_per_atom",
        "Energy {}/Natoms",
        "eV",
        "ea",
        ("e",),
        ".e_peratom.out",
        Panel("Energy per atom", "eV/atom", is_centered=True),
    ),
    Quantity("force", "Force  {}", "eV/Å", "f", ("fx", "fy", "fz"), ".f.out", Panel("Force components", "eV/Å")),
    Quantity("weighted_force", "Force weighted {}", "eV/Å", "fw"),
    Quantity(
        "virial", "Virial {}", "eV", "v", tuple(f"v{ij}" for ij in TENSOR), ".v.out", Panel("Virial", "eV"), False
    ),
    Quantity(
        "virial_per_atom",
        "Virial {}/Natoms",
        "eV",
        "va",
        tuple(f"v{ij}" for ij in TENSOR),
        ".v_peratom.out",
        Panel("Virial per atom", "eV/atom"),
    ),
    Quantity(
        "stress", "Stress {}", "eV/Å³", "s", tuple(f"s{ij}" for ij in TENSOR), ".s.out", Panel("Stress", "eV/Å³"), False
    ),
    Quantity("atom_energy", "Atomic ener {}", "eV", "ae"),
)
MAGNETIC_QUANTITIES = (
    Quantity("force", "Force atom {}", "eV/Å", "fr", ("fx", "fy", "fz"), ".fr.out", Panel("Force components", "eV/Å")),
    Quantity(
        "force_mag",
        "Force spin {}",
        "eV/uB",
        "fm",
        ("fmx", "fmy", "fmz"),
        ".fm.out",
        Panel("Magnetic force components", "eV/μB"),
    ),
)
"""What a model of spins has in the place of the forces."""
HESSIAN = Quantity("hessian", "Hessian {}", "eV/Å²", "h", ("h",), ".h.out", Panel("Hessian", "eV/Å²"), False)
"""What a model that was trained on Hessians has too: all numbers of each frame's matrix, row by row."""


class EnergyComparison:
    """Energies, forces and virials, and where wanted atomic energies.

    Numbers per atom are those per real atom. Virials and stresses (-virial/volume) are compared in periodic systems
    only. Forces are compared by element too, where there are several, and magnetic forces where there are spins;
    Hessians of models that were trained on them, where the data have some.
    """

    needs_derivatives = True
    wanted = "energy, force or virial"

    def __init__(
        self, atomic: bool, type_map: list[str], *, is_magnetic: bool = False, has_hessian: bool = False
    ) -> None:
        self.atomic = atomic
        self.has_hessian = has_hessian
        self.is_magnetic = is_magnetic
        self.elements = type_map if len(type_map) > 1 else []

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Those of all potentials, and the forces by element."""
        parts = [
            Quantity(f"force_{name}", f"Force of {name} {{}}", "eV/Å", f"f_{name}", part_of=("force", name))
            for name in self.elements
        ]
        if not self.is_magnetic:
            return (*ENERGY_QUANTITIES, *[HESSIAN] * self.has_hessian, *parts)
        found = [[each] if each.key != "force" else MAGNETIC_QUANTITIES for each in ENERGY_QUANTITIES]
        return (*(each for some in found for each in some), *parts)

    @property
    def labels(self) -> list[DataRequirement]:
        """Energies, forces, virials, weights of forces."""
        labels = [
            DataRequirement("energy", 1, high_precision=True),
            DataRequirement("force", 3, atomic=True),
            DataRequirement("virial", 9),
            DataRequirement("atom_pref", 1, atomic=True, repeat=3),
        ]
        labels += [DataRequirement("force_mag", 3, atomic=True)] * self.is_magnetic
        labels += [DataRequirement(HESSIAN.key, 9, atomic=True, of_pairs=True)] * self.has_hessian
        return labels + [DataRequirement("atom_ener", 1, atomic=True, must=True)] * self.atomic

    def pair_up(self, batch: Batch, terms: Terms) -> Pairs:
        """See `Comparison`."""
        is_real = batch.atype >= 0
        natoms = is_real.sum(axis=1)[:, None]
        pairs: Pairs = {}
        if batch.found["energy"]:
            pairs |= _with_per_atom("energy", Pair(batch.labels["energy"], terms["energy"]), natoms)
        if batch.found["force"]:
            pairs["force"] = Pair(batch.labels["force"][is_real], terms["force"][is_real])
            pairs |= self._by_element(pairs["force"], batch.atype[is_real])
        if batch.found["force"] and batch.found["atom_pref"]:
            pairs["weighted_force"] = pairs["force"]._replace(weight=batch.labels["atom_pref"][is_real])
        if batch.found.get("force_mag"):
            has_spin = terms["mask_mag"][:, :, 0] > 0
            pairs["force_mag"] = Pair(batch.labels["force_mag"][has_spin], terms["force_mag"][has_spin])
        if batch.found["virial"] and batch.box is not None:
            virial = Pair(batch.labels["virial"], terms["virial"])
            volume = np.abs(np.linalg.det(batch.box))[:, None]
            pairs |= _with_per_atom("virial", virial, natoms)
            pairs["stress"] = Pair(-virial.label / volume, -virial.prediction / volume)
        if HESSIAN.key in terms:
            pairs[HESSIAN.key] = _of_matrices(batch.labels[HESSIAN.key], terms[HESSIAN.key], is_real)
        if batch.found.get("atom_ener"):
            pairs["atom_energy"] = Pair(batch.labels["atom_ener"][is_real], terms["atom_energy"][is_real])
        return pairs

    def _by_element(self, pair: Pair, atype: np.ndarray) -> Pairs:
        """The rows of each element that is there, ``atype`` (rows,)."""
        found = [index for index in range(len(self.elements)) if (atype == index).any()]
        rows = {f"force_{self.elements[index]}": atype == index for index in found}
        return {key: Pair(pair.label[of], pair.prediction[of]) for key, of in rows.items()}


class TensorComparison:
    """Tensors of frames, also divided by their number N of selected atoms and by its root; or those of the atoms."""

    needs_derivatives = False

    def __init__(self, output: OutputDef, atomic: bool) -> None:
        self.output = output
        self.atomic = atomic
        self.label = f"atom_{output.name}" if atomic else output.name
        name = output.name.capitalize()
        panel = Panel(f"{name} of atoms" if atomic else f"{name} per atom", output.unit)
        columns = component_names(output.shape)
        whole = Quantity(
            self.label, f"{name}  {{}}", output.unit, output.name, columns, ".out", Panel(name, output.unit), False
        )
        if atomic:
            self.quantities: tuple[Quantity, ...] = (whole._replace(panel=panel, in_picture=True),)
            self.wanted = f"atomic_{output.name}"
        elif output.reduction == "mean":
            self.quantities = (whole._replace(in_picture=True),)
            self.wanted = output.name
        else:
            self.quantities = (
                whole,
                Quantity(f"{self.label}_sqrtn", f"{name}  {{}}/sqrtN", output.unit, f"{output.name}_sqrtn"),
                Quantity(f"{self.label}_n", f"{name}  {{}}/N", output.unit, f"{output.name}_n", columns, panel=panel),
            )
            self.wanted = f"{output.name} (those of atoms, atomic_{output.name}, are compared with -a)"

    @property
    def labels(self) -> list[DataRequirement]:
        """The tensor of the frames, or, then needed, of the atoms."""
        selected = self.output.selected_types
        ndof, atomic = self.output.ncomponents, self.atomic
        return [DataRequirement(self.label, ndof, atomic=atomic, must=atomic, selected_types=selected)]

    def pair_up(self, batch: Batch, terms: Terms) -> Pairs:
        """See `Comparison`."""
        if not batch.found[self.label]:
            return {}
        label = batch.labels[self.label]
        has_tensor = batch.atype >= 0
        if self.output.selected_types is not None:
            has_tensor = np.isin(batch.atype, self.output.selected_types)
        natoms = has_tensor.sum(axis=1)
        counted = natoms > 0
        if self.atomic:
            prediction = terms[self.output.term_name("atom")]
            pair = Pair(label[has_tensor], prediction[has_tensor], frames=natoms)
            return {self.label: pair} if counted.any() else {}
        pairs = {self.label: Pair(label, terms[self.output.term_name("sum")])}
        if counted.any() and self.output.reduction != "mean":
            rows, divisor = [array[counted] for array in pairs[self.label][:2]], natoms[counted][:, None]
            pairs[f"{self.label}_sqrtn"] = Pair(*(row / np.sqrt(divisor) for row in rows))
            pairs[f"{self.label}_n"] = Pair(*(row / divisor for row in rows))
        return pairs


def component_names(shape: tuple[int, ...]) -> tuple[str, ...]:
    """Names of a tensor's components: x, y, z; xx, xy, ...; else numbers from 1."""
    if shape and set(shape) == {3}:
        return tuple("".join(axes) for axes in itertools.product("xyz", repeat=len(shape)))
    return tuple(str(number + 1) for number in range(int(np.prod(shape))))


def _of_matrices(label: np.ndarray, prediction: np.ndarray, is_real: np.ndarray) -> Pair:
    """The numbers of each frame's matrix, (nframes, 3 natoms, 3 natoms) in any shape, in one column."""
    rows = np.repeat(is_real, 3, axis=1)
    is_of_real = rows[:, :, None] & rows[:, None, :]
    return Pair(*(matrices.reshape(is_of_real.shape)[is_of_real][:, None] for matrices in (label, prediction)))


def _with_per_atom(key: str, pair: Pair, natoms: np.ndarray) -> Pairs:
    return {key: pair, f"{key}_per_atom": Pair(pair.label / natoms, pair.prediction / natoms)}
