# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of the frame and atomic parameters in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd_dp.dialect.module import modules, with_leaves
from deepmd_dp.fitting.nets import FittingNets
from deepmd_dp.statistics.moments import Moments

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.dialect.module import Tree
    from deepmd_dp.interface import Model


class ParameterStatistics:
    """Mean and inverse deviation of `fparam` over frames and of `aparam` over real atoms.

    All fittings of a model take the same ones.

    Parameters
    ----------
    model : Model
    protection : float
        Least deviation: `data_stat_protect`.
    kept : tuple of str
        With what the paths of fittings begin that have theirs already.
    """

    def __init__(self, model: Model, protection: float, kept: tuple[str, ...] = ()) -> None:
        self._default_fparam = model.default_fparam
        self._protection = protection
        self._kept = kept
        sizes = {"fparam": model.dim_fparam, "aparam": model.dim_aparam}
        self._moments = {name: Moments((size,)) for name, size in sizes.items() if size}

    def add(self, batch: Batch) -> None:
        """Takes a batch in; frames without fparam count with the model's default."""
        for name, moments in self._moments.items():
            rows = self._frame_rows(batch) if name == "fparam" else batch.labels["aparam"][batch.atype >= 0]
            moments.count += len(rows)
            moments.total += rows.sum(axis=0)
            moments.square += (rows * rows).sum(axis=0)

    def _frame_rows(self, batch: Batch) -> np.ndarray:
        if batch.found.get("fparam") or self._default_fparam is None:
            return batch.labels["fparam"]
        return np.tile(self._default_fparam, (batch.nframes, 1))

    def apply(self, model: Tree) -> Tree:
        """The model with these statistics in its fittings."""
        changes = {}
        for path, nets in modules(model, FittingNets):
            for name, moments in self._moments.items() if not path.startswith(self._kept) else ():
                average = getattr(nets, f"{name}_avg")
                if average is not None:
                    changes[f"{path}.{name}_avg"] = moments.mean().astype(average.dtype)
                    inverse = 1.0 / moments.deviation(self._protection)
                    changes[f"{path}.{name}_inv_std"] = inverse.astype(average.dtype)
        return with_leaves(model, changes)
