# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of the environment matrix in the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.env_stat import EnvStat
from deepmd_dp.statistics.moments import Moments

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.environment.environment import Environment

_PROTECTION = 0.01
"""Least deviation [1/Å]: columns are divided by it."""
_ATOMS_AT_A_TIME = 4096
"""Bounds the memory for their edges, to some 50 MB."""


class EnvironmentStatistics:
    """For each type of centre the mean and the deviation of R's radial column, and those of its angular ones.

    Taken over all `sel` slots of all lists, an empty one being a row of zeros, as deepmd-kit
    defines them; without building the slots. The angular columns share one deviation and have
    the mean 0 by symmetry. A list with more neighbors than `sel` counts all of them and has
    as many slots, since the model looks at all of them (deepmd-kit leaves out the farthest).
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._moments = Moments((model.ntypes, 2))

    def add(self, batch: Batch) -> None:
        """Takes a batch in, as many frames at a time as have some thousands of atoms."""
        size = max(1, _ATOMS_AT_A_TIME // max(1, batch.natoms))
        for start in range(0, batch.nframes, size):
            some = slice(start, start + size)
            box = None if batch.box is None else batch.box[some]
            self._add_environment(build_environment(self._model, batch.coord[some], box, batch.atype[some]))

    def _add_environment(self, env: Environment) -> None:
        descriptor = self._model.descriptor
        nslots, sums, squares = 0.0, 0.0, 0.0
        for block, sel in enumerate(descriptor.stat.sel):
            matrix, _ = descriptor.env_mat(env.edge_vec[block])
            matrix = matrix * descriptor.stat.weights(env, block, descriptor.exclude_types)[..., None]
            sums = sums + np.sum(matrix, axis=2)
            squares = squares + np.sum(matrix * matrix, axis=2)
            nslots = nslots + np.maximum(np.sum(env.nlist[block] >= 0, axis=2), sel)
        for center in range(self._model.ntypes):
            own = env.atype == center
            slots, total, square = nslots[own].sum(), sums[own].sum(axis=0), squares[own].sum(axis=0)
            self._moments.count[center] += slots, 3 * slots
            self._moments.total[center] += total[0], total[1:].sum()
            self._moments.square[center] += square[0], square[1:].sum()

    def apply(self, model: Any) -> Any:
        """The model with these statistics in its descriptor."""
        descriptor = model.descriptor
        stat, (mean, deviation) = descriptor.stat, (self._moments.mean(), self._moments.deviation(_PROTECTION))
        davg = np.zeros_like(stat.davg)
        if not descriptor.set_davg_zero:
            davg[:, :, 0] = mean[:, :1]
        dstd = np.empty_like(stat.dstd)
        dstd[:, :, 0] = deviation[:, :1]
        dstd[:, :, 1:] = deviation[:, 1:, None]
        return replace(model, descriptor=replace(descriptor, stat=EnvStat.of(davg, dstd, stat.sel)))
