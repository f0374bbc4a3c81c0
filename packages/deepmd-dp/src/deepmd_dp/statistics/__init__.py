# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a new model takes from the data before it is trained: normalisations and biases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.environment.expansion import expanded
from deepmd_dp.model.frozen import frozen_paths
from deepmd_dp.statistics.environment import EnvironmentStatistics
from deepmd_dp.statistics.output import OutputStatistics, bias_labels
from deepmd_dp.statistics.parameters import ParameterStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.data.batch import Batch
    from deepmd_dp.interface import Model


def with_statistics(model: Model, batches: Iterable[Batch], section: dict[str, Any]) -> Model:
    """The same model with the statistics of some data, read once, a batch at a time; models of files keep theirs.

    Parameters
    ----------
    model : Model
        NumPy arrays, neutral statistics.
    batches : iterable of Batch
        Labels of the outputs with a bias (`bias_labels`), and ``fparam`` and ``aparam`` where the model takes them.
    section : dict
        The normalised input's section ``model``: ``data_stat_protect``, ``preset_out_bias``.
    """
    frozen = frozen_paths(section)
    if "" in frozen:
        return model
    kept = tuple(f"{path}." for path in frozen)
    collected = (
        EnvironmentStatistics(model, kept),
        ParameterStatistics(model, section["data_stat_protect"], kept),
        OutputStatistics(model, section.get("preset_out_bias")),
    )
    for batch in batches:
        seen = expanded(model, batch)
        for statistics in collected:
            statistics.add(seen)
    for statistics in collected:
        model = statistics.apply(model)
    return model


__all__ = ["EnvironmentStatistics", "OutputStatistics", "ParameterStatistics", "bias_labels", "with_statistics"]
