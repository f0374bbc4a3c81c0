# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which frames come next: a random sequence that can be taken up at any place."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK = 4096
"""Systems are drawn this many at a time."""
SYSTEMS, FRAMES, STATISTICS = 0, 1, 2
"""Streams of random numbers that are independent of each other."""


class Sampler:
    """Draws a system by its probability, then its next frames; each epoch of a system is a new permutation.

    The k-th draw depends on the seed and on k only: all random numbers come from generators seeded by the seed, the
    number of the block or epoch, and the system. So the state is the number of draws, and a restart gives the same
    sequence as a run without a break, without storing permutations.

    Parameters
    ----------
    seed : int
    probabilities : np.ndarray, (nsystems,)
    nframes : list of int
        Frames of each system.
    batch_sizes : list of int
        Frames taken by a draw from each system; the last draw of an epoch takes what is left.
    """

    def __init__(self, seed: int, probabilities: np.ndarray, nframes: list[int], batch_sizes: list[int]) -> None:
        self.seed = int(seed)
        self._cumulative = np.cumsum(probabilities) / np.sum(probabilities)
        self._nframes = nframes
        self._sizes = batch_sizes
        self._nbatches = [-(-n // size) for n, size in zip(nframes, batch_sizes, strict=True)]
        self._orders: dict[int, tuple[int, np.ndarray]] = {}
        self._go_to(0)

    @property
    def drawn(self) -> int:
        """Number of draws so far."""
        return self._drawn

    def state(self) -> dict[str, Any]:
        """Plain numbers that `restore` takes."""
        return {"seed": self.seed, "drawn": self._drawn}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where the sampler with this state was."""
        self.seed = int(state["seed"])
        self._orders.clear()
        self._go_to(int(state["drawn"]))

    def draw(self) -> tuple[int, np.ndarray]:
        """Number of a system and numbers of frames in it."""
        offset = self._drawn % BLOCK
        if offset == 0:
            self._block = self._systems_of_block(self._drawn // BLOCK)
        system = int(self._block[offset])
        epoch, batch = divmod(int(self._counts[system]), self._nbatches[system])
        size = self._sizes[system]
        frames = self._order(system, epoch)[batch * size : (batch + 1) * size]
        self._counts[system] += 1
        self._drawn += 1
        return system, frames

    def _go_to(self, drawn: int) -> None:
        """Counts the draws from each system among the first ``drawn``."""
        self._drawn = drawn
        self._counts = np.zeros(len(self._nframes), dtype=np.int64)
        self._block = self._systems_of_block(drawn // BLOCK)
        for number in range(drawn // BLOCK):
            self._counts += np.bincount(self._systems_of_block(number), minlength=len(self._counts))
        self._counts += np.bincount(self._block[: drawn % BLOCK], minlength=len(self._counts))

    def _systems_of_block(self, number: int) -> np.ndarray:
        uniform = np.random.default_rng([self.seed, SYSTEMS, number]).random(BLOCK)
        return np.minimum(np.searchsorted(self._cumulative, uniform, side="right"), len(self._nframes) - 1)

    def _order(self, system: int, epoch: int) -> np.ndarray:
        """The permutation of a system's frames in an epoch; the latest of each system is kept."""
        kept = self._orders.get(system)
        if kept is None or kept[0] != epoch:
            generator = np.random.default_rng([self.seed, FRAMES, system, epoch])
            kept = self._orders[system] = epoch, generator.permutation(self._nframes[system])
        return kept[1]
