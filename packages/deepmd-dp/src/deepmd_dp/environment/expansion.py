# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models that want more atoms in their frames than there are: virtual ones, or copies (decision records 0027, 0028).

What turns the one frame into the other, and the results back, stands in an expansion and nowhere else: the model, its
graph in a file and all backends see atoms only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from deepmd.data.batch import check_meaning
from deepmd.errors import InputError
from deepmd_dp.dialect.array import Array, Float, Int

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model

Coordinates = Float[np.ndarray, "nframes natoms 3"]
"""[Å]"""
AtomTypes = Int[np.ndarray, "nframes natoms"]
AtomValues = Float[np.ndarray, "nframes natoms n"]
"""What the data give of each atom."""
Terms = dict[str, Float[np.ndarray, "nframes ..."]]
"""What a model gives, by name."""
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

    coord: Coordinates
    atype: AtomTypes
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

    def problem(self, given: AtomValues, atype: AtomTypes) -> tuple[int, str] | None:
        """The first frame in which what is given, see `label`, can't be, and a clause: `DataRequirement.problem`."""
        ...

    def expand(self, coord: Coordinates, atype: AtomTypes, given: AtomValues) -> Expanded:
        """The frames as the model sees them: the atoms in their order, then others; none has a `problem`."""
        ...

    def expand_batch(self, batch: Batch) -> Batch:
        """The batch as the model sees it; among its labels is what `of_atoms` and `GROUP` want."""
        ...

    def contract(self, terms: Terms, atype: AtomTypes, given: AtomValues) -> Terms:
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
    """The batch as a model sees it; DataError where a frame can't be seen, which is named."""
    if (expansion := model.expansion) is None:
        return batch
    check_meaning(batch, expansion.label, expansion.problem)
    return expansion.expand_batch(batch)


@dataclass(frozen=True)
class Frames:
    """Frames to be evaluated, and what is given beside their atoms.

    Attributes
    ----------
    coord, box : [Å]
        box None: open boundaries.
    inputs
        By name: ``aparam`` (nframes, natoms, naparam) in any case, ``spin`` (nframes, natoms, 3) [μB], ``charge_spin``
        (nframes, 2); None: not given.
    group
        See `Expanded`.
    mapping, nloc
        Where only the first nloc are local atoms: of which one each atom is an image.
    """

    coord: Coordinates
    box: Float[np.ndarray, "nframes 3 3"] | None
    atype: AtomTypes
    inputs: Mapping[str, Float[np.ndarray, "nframes ..."] | None]
    group: Int[np.ndarray, "nframes natoms"] | None = None
    mapping: Int[np.ndarray, "nframes natoms"] | None = None
    nloc: int = 0

    def given(self, model: Model) -> AtomValues | None:
        """What the model expands them by; None: they stay as they are."""
        return None if model.expansion is None else self.inputs.get(model.expansion.label)


def seen_frames(model: Model, frames: Frames) -> Frames:
    """The frames as a model sees them, expanded where it wants it and what by is given; InputError: they can't."""
    expansion, given = model.expansion, frames.given(model)
    if expansion is None or given is None:
        return frames
    if problem := expansion.problem(given, frames.atype):
        raise InputError(f"{expansion.label} of frame {problem[0]} {problem[1]}.")
    seen, aparam = expansion.expand(frames.coord, frames.atype, given), frames.inputs["aparam"]
    if expansion.label == "aparam":
        aparam = None
    elif aparam is not None:
        aparam = np.pad(aparam, ((0, 0), (0, seen.atype.shape[1] - aparam.shape[1]), (0, 0)))
    return replace(frames, **seen._asdict(), inputs={**frames.inputs, "aparam": aparam})


def terms_of_atoms(model: Model, frames: Frames, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The terms of the frames' atoms, of those of the frames as the model sees them."""
    expansion, given = model.expansion, frames.given(model)
    return found if expansion is None or given is None else expansion.contract(found, frames.atype, given)


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
