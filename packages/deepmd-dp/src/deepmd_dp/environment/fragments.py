# SPDX-License-Identifier: LGPL-3.0-or-later
"""QM atoms and residues around them, one at a time: copies of the QM atoms for each (decision record 0028)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import shape
from deepmd_dp.environment.expansion import AtomTypes, AtomValues, Coordinates, Expanded, Terms, with_longer_labels

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment

SOURCE = "source"
"""The atom that each row of an expanded batch stands for, (nframes, natoms, 1); 0 for rows that are nobody's."""
IS_ATOM = "is_atom"
"""1 for rows of an expanded batch that are atoms, 0 for copies, (nframes, natoms, 1)."""
_LARGEST = 2**53
"""Beyond it double precision skips whole numbers."""
_TERMS_OF_ATOMS = ("force", "atom_energy", "atom_virial")


class _Rows(NamedTuple):
    """The rows of a frame, or of some: atoms, then copies."""

    source: Int[np.ndarray, "*lead nrows"]
    atype: Int[np.ndarray, "*lead nrows"]
    group: Int[np.ndarray, "*lead nrows"]


@dataclass(frozen=True)
class Fragments:
    """QM atoms by themselves, and with each residue of MM atoms.

    What is given of each atom is the number of its fragment: 0 for QM atoms, above 0 that of an MM atom's residue; an
    atom of a negative one is left out. The QM atoms are a group of the first half of the types. Each residue is a group
    with a copy of all QM atoms, of the second half. Atoms see their own group.

    Attributes
    ----------
    knows : tuple of bool
        For each type, whether QM atoms may be of it.
    """

    knows: tuple[bool, ...]
    label = "aparam"
    ncomponents = 1
    reaches_zero = False
    of_what = " of atoms and copies of them, which is for Python only"

    @property
    def ntypes(self) -> int:
        """Number of types of atoms; there are as many for the groups of residues."""
        return len(self.knows)

    def problem(self, given: AtomValues, atype: AtomTypes) -> tuple[int, str] | None:
        """What is no number of a fragment, or of one that can't be; see `FrameExpansion.problem`."""
        numbers = given[:, :, 0]
        expected = "expected whole numbers, 0 for a QM atom, above 0 that of an MM atom's residue"
        for is_wrong, what in (
            ((numbers != np.rint(numbers)) | (np.abs(numbers) > _LARGEST), expected),
            ((numbers == 0) & ~np.array([*self.knows, True])[atype], "a QM atom, but `qm_model` knows no such type"),
        ):
            if is_wrong.any():
                frame, atom = np.argwhere(is_wrong)[0]
                return int(frame), f"is {numbers[frame, atom]:g} for atom {atom}: {what}"
        return None

    def expand(self, coord: Coordinates, atype: AtomTypes, given: AtomValues) -> Expanded:
        """The atoms, then the copies of QM atoms of each residue in turn."""
        rows = self._rows(atype, given)
        return Expanded(np.take_along_axis(coord, rows.source[:, :, None], axis=1), rows.atype, rows.group)

    def expand_batch(self, batch: Batch) -> Batch:
        """See `FrameExpansion.expand_batch`."""
        rows = self._rows(batch.atype, batch.labels[self.label])
        coord = np.take_along_axis(batch.coord, rows.source[:, :, None], axis=1)
        is_atom = np.zeros((*rows.source.shape, 1))
        is_atom[:, : batch.natoms] = 1.0
        more = {SOURCE: rows.source[:, :, None], IS_ATOM: is_atom}
        return with_longer_labels(batch, Expanded(coord, rows.atype, rows.group), more)

    def contract(self, terms: Terms, atype: AtomTypes, given: AtomValues) -> Terms:
        """Energies, forces and virials of copies are those of their atoms."""
        source, natoms = self._rows(atype, given).source, atype.shape[1]
        found = dict(terms)
        for name in found.keys() & _TERMS_OF_ATOMS:
            found[name] = np.zeros((len(atype), natoms, terms[name].shape[2]))
            for each, own, rows in zip(found[name], terms[name], source, strict=True):
                np.add.at(each, rows, own)
        return found

    def of_atoms(
        self, terms: Mapping[str, Float[Array, "nframes ..."]], env: Environment, labels: Mapping[str, Array]
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """The same in framework arrays; rows of copies are 0, and don't count."""
        source, size = labels[SOURCE][:, :, 0], shape(env.atype)[1]
        found = {name: ops.scatter_add(terms[name], source, size) for name in terms.keys() & _TERMS_OF_ATOMS}
        return {**found, "mask": terms["mask"] * labels[IS_ATOM]}

    def outputs(self, outputs: tuple[OutputDef, ...]) -> tuple[OutputDef, ...]:
        """As they are."""
        return outputs

    def _rows(self, atype: AtomTypes, given: AtomValues) -> _Rows:
        """Of all frames, (nframes, nrows) each, those with fewer filled up."""
        numbers = np.rint(given[:, :, 0]).astype(np.int64)
        frames = [self._rows_of_frame(*each) for each in zip(atype, numbers, strict=True)]
        nrows = max((len(each.source) for each in frames), default=atype.shape[1])
        filled = [
            [np.pad(column, (0, nrows - len(column)), constant_values=fill) for column in columns]
            for columns, fill in zip(zip(*frames, strict=True), (0, -1, -1), strict=True)
        ]
        return _Rows(*(np.array(each, dtype=np.int64).reshape(len(atype), nrows) for each in filled))

    def _rows_of_frame(self, atype: Int[np.ndarray, "natoms"], number: Int[np.ndarray, "natoms"]) -> _Rows:
        is_qm = (number == 0) & (atype >= 0)
        own_type = np.where(is_qm, atype, np.where((number > 0) & (atype >= 0), atype + self.ntypes, -1))
        qm, residues = np.flatnonzero(is_qm), np.unique(number[own_type >= self.ntypes])
        copies = np.tile(qm, len(residues))
        return _Rows(
            source=np.concatenate([np.arange(len(atype)), copies]),
            atype=np.concatenate([own_type, atype[copies] + self.ntypes]),
            group=np.concatenate([np.where(own_type < 0, -1, number), np.repeat(residues, len(qm))]),
        )
