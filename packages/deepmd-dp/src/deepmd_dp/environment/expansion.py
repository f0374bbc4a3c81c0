# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models that want more atoms in their frames than there are: virtual ones, or copies (decision records 0027, 0028).

What turns the one frame into the other, and the results back, stands in an expansion and nowhere else: the model, its
graph in a file and all backends see atoms only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from deepmd_dp.dialect.array import Array, Float, Int

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model

GROUP = "group"
"""The group of each atom in the labels of a batch whose atoms see their own group only, (nframes, natoms, 1)."""


class Expanded(NamedTuple):
    """Frames as a model sees them.

    Attributes
    ----------
    coord : [Å]
    group
        The group of each atom, which sees atoms of its own group only; -1: it sees nobody. None: all see each other.
    """

    coord: Float[np.ndarray, "nframes natoms 3"]
    atype: Int[np.ndarray, "nframes natoms"]
    group: Int[np.ndarray, "nframes natoms"] | None = None


class FrameExpansion(Protocol):
    """From frames of atoms to those that a model sees, and back."""

    @property
    def label(self) -> str:
        """What of the data the frames are expanded by: ``spin`` or ``aparam``."""
        ...

    @property
    def ncomponents(self) -> int:
        """Numbers of it for an atom."""
        ...

    @property
    def ntypes(self) -> int:
        """Types of the atoms, which the first types of the model are."""
        ...

    @property
    def reaches_zero(self) -> bool:
        """Whether neighbors may stand on an atom."""
        ...

    @property
    def of_what(self) -> str:
        """What the kinds of outputs end in in a file's record: programs in C++ say it and stop."""
        ...

    def expand(
        self,
        coord: Float[np.ndarray, "nframes natoms 3"],
        atype: Int[np.ndarray, "nframes natoms"],
        given: Float[np.ndarray, "nframes natoms n"],
    ) -> Expanded:
        """The frames as the model sees them: the atoms in their order, then others.

        Raises
        ------
        InputError
            What is given, see `label`, can't be.
        """
        ...

    def expand_batch(self, batch: Batch) -> Batch:
        """The batch as the model sees it; among its labels is what `of_atoms` and `GROUP` want.

        Raises
        ------
        DataError
            See `expand`; it names the system.
        """
        ...

    def contract(
        self,
        terms: dict[str, Float[np.ndarray, "nframes ..."]],
        atype: Int[np.ndarray, "nframes natoms"],
        given: Float[np.ndarray, "nframes natoms n"],
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        """The terms of the atoms, of those that the model gives."""
        ...

    def of_atoms(
        self, terms: Mapping[str, Float[Array, "nframes ..."]], env: Environment, labels: Mapping[str, Array]
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """What differs for the atoms of a batch that `expand_batch` made, in framework arrays, in its rows."""
        ...

    def outputs(self, outputs: tuple[OutputDef, ...]) -> tuple[OutputDef, ...]:
        """What the model gives of the atoms."""
        ...


def expanded(model: Model, batch: Batch) -> Batch:
    """The batch as a model sees it."""
    return batch if model.expansion is None else model.expansion.expand_batch(batch)


class Seen(NamedTuple):
    """Frames as a model sees them, the atomic parameters that it takes there, and what they were expanded by."""

    frames: Expanded
    aparam: Float[np.ndarray, "nframes _ naparam"] | None
    by: Float[np.ndarray, "nframes natoms n"] | None


def seen_frames(
    model: Model,
    coord: Float[np.ndarray, "nframes natoms 3"],
    atype: Int[np.ndarray, "nframes natoms"],
    spin: Float[np.ndarray, "nframes natoms 3"] | None,
    aparam: Float[np.ndarray, "nframes natoms naparam"] | None,
) -> Seen:
    """The frames of an evaluation, expanded where the model wants it and what by is given."""
    expansion = model.expansion
    by = None if expansion is None else {"spin": spin, "aparam": aparam}[expansion.label]
    if expansion is None or by is None:
        return Seen(Expanded(coord, atype), aparam, None)
    frames = expansion.expand(coord, atype, by)
    if aparam is None or expansion.label == "aparam":
        return Seen(frames, None, by)
    return Seen(frames, np.pad(aparam, ((0, 0), (0, frames.atype.shape[1] - aparam.shape[1]), (0, 0))), by)


def outputs_of_atoms(model: Model) -> tuple[OutputDef, ...]:
    """What a model gives of the frames' atoms: where these have spins derivatives by them too."""
    return model.outputs if model.expansion is None else model.expansion.outputs(model.outputs)


def groups_of(batch: Batch) -> Int[np.ndarray, "nframes natoms"] | None:
    """The groups of a batch's atoms; None: there are none."""
    group = batch.labels.get(GROUP)
    return None if group is None else group[:, :, 0]


def with_longer_labels(batch: Batch, seen: Expanded, more: Mapping[str, np.ndarray]) -> Batch:
    """The batch with the frames as seen, its labels of atoms with zeros for the others, and `more` labels."""
    size = seen.atype.shape[1] - batch.natoms
    labels = {
        key: np.pad(each, ((0, 0), (0, size), (0, 0))) if each.ndim == 3 else each for key, each in batch.labels.items()
    }
    group = {} if seen.group is None else {GROUP: seen.group[:, :, None]}
    return replace(batch, coord=seen.coord, atype=seen.atype, labels={**labels, **group, **more})
