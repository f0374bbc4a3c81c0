# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a new model takes from the data before it is trained: normalisations and energy biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.statistics.environment import EnvironmentStatistics
from deepmd_dp.statistics.output import OutputStatistics
from deepmd_dp.statistics.parameters import ParameterStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.data.batch import Batch


def with_statistics(model: Any, batches: Iterable[Batch], section: dict[str, Any]) -> Any:
    """The same model with the statistics of some data, read once, a batch at a time.

    Parameters
    ----------
    model : StandardModel
        NumPy arrays, neutral statistics.
    batches : iterable of Batch
        Labels ``energy``, and ``fparam`` and ``aparam`` where the model takes them.
    section : dict
        The normalised input's section ``model``: ``data_stat_protect``, ``preset_out_bias``.
    """
    collected = (
        EnvironmentStatistics(model),
        ParameterStatistics(model, section["data_stat_protect"]),
        OutputStatistics(model, section.get("preset_out_bias")),
    )
    for batch in batches:
        for statistics in collected:
            statistics.add(batch)
    for statistics in collected:
        model = statistics.apply(model)
    return model


__all__ = ["EnvironmentStatistics", "OutputStatistics", "ParameterStatistics", "with_statistics"]
