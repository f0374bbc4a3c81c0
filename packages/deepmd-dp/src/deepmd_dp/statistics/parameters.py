# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of the frame and atomic parameters in the data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.statistics.moments import Moments

if TYPE_CHECKING:
    from deepmd.data.batch import Batch


class ParameterStatistics:
    """Mean and inverse deviation of `fparam` over frames and of `aparam` over real atoms.

    Parameters
    ----------
    protection : float
        Least deviation: `data_stat_protect`.
    """

    def __init__(self, model: Any, protection: float) -> None:
        fitting = model.fitting
        self._default_fparam = fitting.default_fparam
        self._protection = protection
        sizes = {"fparam": fitting.numb_fparam, "aparam": fitting.numb_aparam}
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

    def apply(self, model: Any) -> Any:
        """The model with these statistics in its fitting."""
        changes = {}
        for name, moments in self._moments.items():
            dtype = getattr(model.fitting, f"{name}_avg").dtype
            changes[f"{name}_avg"] = moments.mean().astype(dtype)
            changes[f"{name}_inv_std"] = (1.0 / moments.deviation(self._protection)).astype(dtype)
        return replace(model, fitting=replace(model.fitting, **changes))
