# SPDX-License-Identifier: LGPL-3.0-or-later
"""Many systems: batches in random order for training and validation, and a stream for statistics."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data.batch_size import resolve_batch_sizes
from deepmd.data.find import find_systems
from deepmd.data.merge import check_mergeable, merge_frames
from deepmd.data.probability import system_probabilities
from deepmd.data.sampler import STATISTICS, Sampler
from deepmd.data.system import System

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deepmd.aliases import Section
    from deepmd.data.batch import Batch, DataRequirement

log = logging.getLogger(__name__)


class TrainingData:
    """The systems of ``training_data`` or ``validation_data``.

    Parameters
    ----------
    section : dict
        The normalised section: ``systems``, ``rglob_patterns``, ``batch_size``, ``auto_prob``, ``sys_probs``.
    type_map : list of str
        Names of the model's types.
    requirements : iterable of DataRequirement
        The labels wanted.
    seed : int
        Of the order of systems and frames.
    virtual_scale : mapping, optional
        See `System`.

    Attributes
    ----------
    systems : list of System
    batch_sizes : list of int
    nbatches : list of int
        Batches of each system in an epoch; the last one may be smaller. A frame is in as many of them as
        ``numb_copy.npy`` says, where that is there.
    probabilities : np.ndarray, (nsystems,)

    Raises
    ------
    DataError, InputError
        No system is found, one is wrong, or a rule cannot be read.
    """

    def __init__(
        self,
        section: Section,
        type_map: list[str],
        requirements: Iterable[DataRequirement] = (),
        seed: int = 0,
        virtual_scale: Mapping[str, float] | None = None,
    ) -> None:
        requirements = list(requirements)
        names = find_systems(section["systems"], section.get("rglob_patterns"))
        systems = [System(name, type_map, requirements, virtual_scale) for name in names]
        rule = section.get("batch_size", "auto")
        sizes = resolve_batch_sizes(rule, [system.natoms for system in systems])
        if len(sizes.kept) < len(systems):
            log.warning("batch_size %r leaves out %d systems.", rule, len(systems) - len(sizes.kept))
        self.systems = [systems[i] for i in sizes.kept]
        self.batch_sizes = sizes.sizes
        self.mixed = sizes.mixed
        self._first = np.cumsum([0] + [system.nframes for system in self.systems])
        self._frames = [system.frames_of_epoch() for system in self.systems]
        self.nbatches = [-(-len(f) // n) for f, n in zip(self._frames, self.batch_sizes, strict=True)]
        auto_prob = section.get("auto_prob", "prob_sys_size")
        self.probabilities = system_probabilities(self.nbatches, auto_prob, section.get("sys_probs"))
        self._seed = int(seed)
        draw_sizes = [1] * len(self.systems) if self.mixed else self.batch_sizes
        self._sampler = Sampler(self._seed, self.probabilities, [len(frames) for frames in self._frames], draw_sizes)
        if self.mixed:
            check_mergeable(self.systems)

    def __len__(self) -> int:
        return len(self.systems)

    def require(self, requirements: Iterable[DataRequirement]) -> None:
        """Sets the labels that batches hold."""
        requirements = list(requirements)
        for system in self.systems:
            system.require(requirements)
        if self.mixed:
            check_mergeable(self.systems)

    def check(self) -> None:
        """Reads all data once; DataError for the first number that is not finite."""
        for system in self.systems:
            system.check()

    def observed_types(self) -> list[str]:
        """Names of the types that occur in any system."""
        return list(dict.fromkeys(name for system in self.systems for name in system.observed_types()))

    def draw(self) -> Batch:
        """The next random batch."""
        if self.mixed:
            return self._draw_mixed()
        system, frames = self._next()
        return self.systems[system].read(frames)

    def _next(self) -> tuple[int, np.ndarray]:
        """Number of a system and numbers of frames in it."""
        system, places = self._sampler.draw()
        return system, self._frames[system][places]

    def _draw_mixed(self) -> Batch:
        draws = [self._next() for _ in range(self.batch_sizes[0])]
        numbers = [int(self._first[system] + frames[0]) for system, frames in draws]
        return merge_frames([self.systems[system].read(frames) for system, frames in draws], numbers)

    def describe(self, batch: Batch) -> str:
        """Where a batch drawn comes from, for messages."""
        if self.mixed:
            return batch.system
        return f"system {batch.system}, frame(s) {', '.join(map(str, batch.frames.tolist()))}"

    def state(self) -> dict[str, Any]:
        """Where the random sequence is: plain numbers."""
        return self._sampler.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on as the data with this state would."""
        self._sampler.restore(state)

    def steps_of_epochs(self, epochs: float) -> int:
        """Steps after which every batch was drawn so many times on average, in the system drawn most rarely.

        The greatest n_batches/probability of the systems that are drawn, times the epochs, rounded up.
        """
        used = self.probabilities > 0
        per_epoch = math.ceil(float(np.max(np.asarray(self.nbatches)[used] / self.probabilities[used])))
        return math.ceil(epochs * per_epoch)

    def statistics_batches(self, nbatches: int) -> Iterator[Batch]:
        """At most ``nbatches`` batches of each system, frames chosen at random without repeats, system by system.

        The choice does not depend on how many batches were drawn before.
        """
        for index, (system, size) in enumerate(zip(self.systems, self.batch_sizes, strict=True)):
            order = np.random.default_rng([self._seed, STATISTICS, index]).permutation(system.nframes)
            yield from system.batches(size, order[: nbatches * size])

    def summary(self, name: str) -> str:
        """A table of the systems, for people; the middle of a long one is left out."""
        columns = zip(self.systems, self.batch_sizes, self.nbatches, self.probabilities, strict=True)
        rows = [
            f"{_shorten(system.name):>40}  {system.natoms:6d}  {size:6d}  {count:6d}  {prob:9.3e}  {'FT'[system.pbc]}"
            for system, size, count, prob in columns
        ]
        if len(rows) > 20:
            rows[10:-10] = [f"{'...':>40}"]
        title = f"{name} data: {len(self.systems)} system(s), {sum(s.nframes for s in self.systems)} frames"
        header = f"{'system':>40}  natoms  bch_sz   n_bch  prob       pbc"
        return "\n".join([title, header, *rows])


def _shorten(name: str) -> str:
    return name if len(name) <= 40 else f"...{name[-37:]}"
