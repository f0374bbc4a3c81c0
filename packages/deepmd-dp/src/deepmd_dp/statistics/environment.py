# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of the environment matrices in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DataError
from deepmd_dp.dialect.edge_rows import edge_rows
from deepmd_dp.dialect.module import modules, with_leaves
from deepmd_dp.environment.builder import all_neighbors, build_environment
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.environment.expansion import groups_of
from deepmd_dp.model.combined import CombinedModel
from deepmd_dp.statistics.moments import Moments

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.dialect.module import Tree
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model

_PROTECTION = 0.01
"""Least deviation [1/Å]: columns are divided by it."""
_ATOMS_AT_A_TIME = 4096
"""Bounds the memory for their edges, to some 50 MB a list."""


class EnvironmentStatistics:
    """For each environment matrix of a model, and each type of centre, mean and deviation of its columns.

    Taken over all `sel` slots of all lists, an empty one being a row of zeros, as deepmd-kit
    defines them; without building the slots. The angular columns share one deviation and have
    the mean 0 by symmetry. A list with more neighbors than `sel` counts all of them and has
    as many slots, since the model looks at all of them (deepmd-kit leaves out the farthest).
    """

    def __init__(self, model: Model, kept: tuple[str, ...] = ()) -> None:
        self._model = model
        self._matrices = {
            path: matrix
            for path, matrix in modules(model, EnvironmentMatrix)
            if matrix.takes_statistics and not path.startswith(kept)
        }
        self._moments = {path: Moments((matrix.davg.shape[0], 2)) for path, matrix in self._matrices.items()}

    def add(self, batch: Batch) -> None:
        """Takes a batch in, as many frames at a time as have some thousands of atoms.

        Raises
        ------
        DataError
            Two atoms are at the same place; names the system and the frame.
        """
        groups = groups_of(batch)
        size = max(1, _ATOMS_AT_A_TIME // max(1, batch.natoms))
        for start in range(0, batch.nframes, size):
            some = slice(start, start + size)
            box = None if batch.box is None else batch.box[some]
            frames = batch.coord[some], box, batch.atype[some]
            lists = all_neighbors(self._model, *frames, None if groups is None else groups[some])
            env = build_environment(self._model, *frames, lists)
            for path, matrix in self._matrices.items():
                bad = _add(self._moments[path], matrix, _seen_by_its_part(self._model, path, env))
                if bad is not None:
                    raise DataError(
                        f"system {batch.system}, frame {batch.frames[start + bad]}: two atoms are at the same place; "
                        "move one, or leave the frame out."
                    )

    def apply(self, model: Tree) -> Tree:
        """The model with these statistics."""
        changes: dict[str, np.ndarray] = {}
        for path, matrix in self._matrices.items():
            mean, deviation = self._moments[path].mean(), self._moments[path].deviation(_PROTECTION)
            davg, dstd = np.zeros_like(matrix.davg), np.empty_like(matrix.dstd)
            if not matrix.set_davg_zero:
                davg[..., 0] = mean[:, 0]
            dstd[..., 0] = matrix.fixed_deviation or deviation[:, 0]
            dstd[..., 1:] = matrix.fixed_deviation or deviation[:, 1:]
            changes |= {f"{path}.davg": davg, f"{path}.dstd": dstd}
        return with_leaves(model, changes)


def _seen_by_its_part(model: Model, path: str, env: Environment) -> Environment:
    """The surroundings as the model sees them that has the module at a path, where a model is made of several."""
    return model.seen_by(int(path.split(".")[1]), env) if isinstance(model, CombinedModel) else env


def _add(moments: Moments, matrix: EnvironmentMatrix, env: Environment) -> int | None:
    """Takes the rows of one list in; gives the first frame whose numbers are not finite, None where all are."""
    center = np.asarray(env.atype).reshape(-1)
    for edges, sel in zip(matrix.edges(env), matrix.sel, strict=True):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            raw = np.asarray(edge_rows(edges.edge_vec, matrix.settings)[0] * edges.kept[..., None])
        nslots = np.maximum(np.sum(np.asarray(edges.nlist) >= 0, axis=1), sel)
        sums, squares = raw.sum(axis=1), (raw * raw).sum(axis=1)
        finite = np.isfinite(squares).all(axis=1)
        if not finite.all():
            return int(np.argmin(finite)) // env.atype.shape[1]
        for each in range(len(moments.count)):
            own = center == each
            total, square, slots = sums[own].sum(axis=0), squares[own].sum(axis=0), nslots[own].sum()
            moments.count[each] += slots, 3 * slots
            moments.total[each] += total[0], total[1:].sum()
            moments.square[each] += square[0], square[1:].sum()
    return None
