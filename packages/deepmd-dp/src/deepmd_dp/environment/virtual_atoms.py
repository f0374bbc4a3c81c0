# SPDX-License-Identifier: LGPL-3.0-or-later
"""Magnetic atoms as pairs: each atom has a virtual one beside it, displaced along its spin (decision record 0027).

A model of spins is a model of the frame with the virtual atoms in it. What turns the one frame into the other, and the
results back, is here and nowhere else: the model, its graph in a file and all backends see atoms only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.errors import ModelFileError
from deepmd.limits import LARGEST_LENGTH
from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, constant
from deepmd_dp.environment.expansion import AtomTypes, AtomValues, Coordinates, Expanded, Terms, with_longer_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd.data.batch import Batch
    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.environment.exclusion import Pairs

SPIN = "spin"
"""The atoms' spins in a batch's labels, (nframes, natoms, 3) [μB]."""
PARTNER = "virtual_atom"
"""The number of each atom's virtual atom in the labels of a batch that has them, (nframes, natoms, 1)."""

_SHORTEST = 1e-10
"""[Å] A virtual atom that is nearer is lost in the rounding of positions."""


@dataclass(frozen=True)
class VirtualAtoms:
    """Which types have spins, and how far their virtual atoms are.

    The virtual atom of atom i stands at r_i + λ s_i, with λ the scale of its type. It has a type of its own, whose
    number is that of the atom's plus the number of types, and no energy. An atom of a type without spin has one too,
    which nobody sees: so virtual atoms have the order of the atoms, and stand behind them.

    Attributes
    ----------
    use_spin : tuple of bool
        Of each type.
    virtual_scale : tuple of float
        λ of each type [Å/μB]; without meaning where it has no spin.
    takes_zero : bool
        Whether the model's numbers are finite where a virtual atom stands on its atom (`sides`).

    References
    ----------
    DeepSPIN: Yang et al., arXiv:2304.09606; the scales and types are those of deepmd-kit 3.2 with ``--pt``.
    """

    use_spin: tuple[bool, ...]
    virtual_scale: tuple[float, ...]
    takes_zero: bool = True
    label = SPIN
    ncomponents = 3
    reaches_zero = True
    of_what = " of atoms with spins, which is for Python only"

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> VirtualAtoms:
        """That of the contract's tree.

        Raises
        ------
        ModelFileError
            It is damaged, or of a scheme without virtual atoms.
        """
        use_spin, scale = np.atleast_1d(data["use_spin"]), data["virtual_scale"]
        if use_spin.dtype != bool or scale is None or np.shape(scale) != use_spin.shape:
            raise ModelFileError(
                f"the model's spin has use_spin {data['use_spin']} and virtual_scale {scale}; expected true or false "
                "and a number for each type: damaged, or not of the scheme deepspin."
            )
        return cls(tuple(map(bool, use_spin)), tuple(map(float, scale)))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {"use_spin": list(self.use_spin), "virtual_scale": list(self.virtual_scale)}

    @property
    def ntypes(self) -> int:
        """Number of types of atoms; there are as many of virtual ones."""
        return len(self.use_spin)

    @property
    def scales(self) -> Float[np.ndarray, "ntypes"]:
        """λ of each type [Å/μB], 0 where it has no spin."""
        return np.where(self.use_spin, self.virtual_scale, 0.0)

    def scale_by_name(self, type_map: Sequence[str]) -> dict[str, float]:
        """λ of the types with spin, by their names."""
        return {name: scale for name, scale in zip(type_map, self.scales.tolist(), strict=True) if scale}

    @property
    def virtual_types(self) -> tuple[int, ...]:
        """Types of virtual atoms: none has an energy."""
        return tuple(range(self.ntypes, 2 * self.ntypes))

    @property
    def unseen_pairs(self) -> Pairs:
        """Pairs of a virtual type without spin and any other: nobody sees these."""
        unseen = [self.ntypes + t for t, has_spin in enumerate(self.use_spin) if not has_spin]
        return tuple((t, other) for t in unseen for other in range(2 * self.ntypes))

    def problem(self, given: AtomValues, atype: AtomTypes) -> tuple[int, str] | None:
        """A virtual atom is out of this world, or on its atom where the model does not take it.

        See `FrameExpansion.problem`.
        """
        scales = self._scales_of(atype)
        shift = np.max(np.abs(given * scales), axis=-1)
        if np.max(shift, initial=0.0) > LARGEST_LENGTH:
            frame, atom = np.argwhere(shift > LARGEST_LENGTH)[0]
            distance = shift[frame, atom]
            return int(frame), f"puts the virtual atom of atom {atom} {distance:g} Å away; look at virtual_scale"
        is_on_atom = (scales[..., 0] > 0.0) & (shift < _SHORTEST)
        if self.takes_zero or not is_on_atom.any():
            return None
        frame, atom = np.argwhere(is_on_atom)[0]
        return int(frame), (
            f"is zero for atom {atom}, whose type has spins, and the descriptor divides by the distance of its virtual "
            "atom, which is 0: its env_protection is 0, or its attention layers have attn_dotr; give a short spin, "
            "such as 1e-3 μB, or train with an env_protection above 0 and attn_dotr false"
        )

    def expand(self, coord: Coordinates, atype: AtomTypes, given: AtomValues) -> Expanded:
        """The atoms, then their virtual ones; given are the spins [μB]."""
        virtual = coord + given * self._scales_of(atype)
        virtual_type = np.where(atype < 0, -1, atype + self.ntypes)
        return Expanded(np.concatenate([coord, virtual], axis=1), np.concatenate([atype, virtual_type], axis=1))

    def expand_batch(self, batch: Batch) -> Batch:
        """The batch with virtual atoms, whose labels are 0; spins and `PARTNER` are among the labels."""
        seen = self.expand(batch.coord, batch.atype, batch.labels[SPIN])
        places = np.arange(batch.natoms) + batch.natoms
        partner = np.broadcast_to(np.concatenate([places, np.zeros_like(places)]), seen.atype.shape)
        return with_longer_labels(batch, seen, {PARTNER: partner[..., None]})

    def contract(self, terms: Terms, atype: AtomTypes, given: AtomValues) -> Terms:
        """A potential's terms for the atoms, of those for atoms and virtual atoms.

        Adds ``force_mag`` [eV/μB], which is -dE/ds at fixed positions, and ``mask_mag``, 1 where an atom has it.
        """
        natoms, scales = atype.shape[1], self._scales_of(atype)
        found = {name: term for name, term in terms.items() if not name.startswith(("force", "atom_"))}
        if "atom_energy" in terms:
            found["atom_energy"] = terms["atom_energy"][:, :natoms]
        if "force" not in terms:
            return found
        of_virtual = terms["force"][:, natoms:]
        shift = (of_virtual[..., :, None] * (given * scales)[..., None, :]).reshape(*atype.shape, 9)
        found |= {
            "force": terms["force"][:, :natoms] + of_virtual,
            "virial": terms["virial"] - shift.sum(axis=1),
            "force_mag": of_virtual * scales,
            "mask_mag": (scales > 0).astype(np.float64),
        }
        if "atom_virial" in terms:
            found["atom_virial"] = terms["atom_virial"][:, :natoms] + terms["atom_virial"][:, natoms:] - shift
        return found

    def outputs(self, outputs: tuple[OutputDef, ...]) -> tuple[OutputDef, ...]:
        """With derivatives by the spins, where there are some by the positions."""
        return tuple(replace(output, is_magnetic=output.has_derivative) for output in outputs)

    def of_atoms(
        self, terms: Mapping[str, Float[Array, "nframes ..."]], env: Environment, labels: Mapping[str, Array]
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """The same of a batch that `expand_batch` made, in framework arrays, in the rows of its atoms.

        The strain of a virial moves an atom together with its virtual one and leaves the spin as it is, so that
        W = W' - Σ_i F_i^mag ⊗ s_i with W' that of atoms only.
        """
        if "force" not in terms:
            return {}
        force = terms["force"]
        partner = labels[PARTNER][:, :, 0]
        of_virtual = ops.gather_rows(force, partner)
        xp = array_namespace(force)
        is_real = xp.astype(env.atype >= 0, force.dtype)[:, :, None]
        tables = np.pad(np.stack([self.scales, self.scales > 0], axis=1), ((0, self.ntypes), (0, 0)))
        of_centers = env.of_centers(constant(tables, force)) * is_real
        scales, has_spin = of_centers[:, :, :1], of_centers[:, :, 1:]
        magnetic = of_virtual * scales
        found = {"force": force + of_virtual * has_spin, "force_mag": magnetic, "mask_mag": has_spin}
        if "virial" in terms:
            outer = magnetic[:, :, :, None] * labels[SPIN][:, :, None, :]
            found["virial"] = terms["virial"] - xp.reshape(xp.sum(outer, axis=1), (-1, 9))
        return found

    def _scales_of(self, atype: AtomTypes) -> Float[np.ndarray, "nframes natoms 1"]:
        """λ of each atom, 0 for one without spin or of padding."""
        scales: np.ndarray = np.append(self.scales, 0.0)[atype]
        return scales[..., None]
