# SPDX-License-Identifier: LGPL-3.0-or-later
"""The bias of each type in a model's outputs, by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.data.batch import DataRequirement
from deepmd_dp.dialect.array import Float
from deepmd_dp.dialect.module import leaves, with_leaves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deepmd.data.batch import Batch
    from deepmd.outputs import OutputDef
    from deepmd_dp.dialect.module import Tree
    from deepmd_dp.interface import Model

    Values = Sequence[float | list[float] | None]
    """Of each type; None: to be found."""
    Preset = Mapping[str, Values]


class OutputStatistics:
    """Biases of the types in each output that has one, and the deviation that they leave.

    Parameters
    ----------
    model : Model
    preset : mapping or None
        Of an output's name: a value, or None, for each type.
    """

    def __init__(self, model: Model, preset: Preset | None) -> None:
        self._outputs = model.outputs
        self._biased_part = model.biased_part
        self._fits = {
            index: BiasFit(output, model, (preset or {}).get(output.name))
            for index, output in enumerate(model.outputs)
            if output.has_bias and output.reduction is not None
        }

    def add(self, batch: Batch) -> None:
        """Takes a batch in, as far as its labels are known."""
        for fit in self._fits.values():
            fit.add(batch)

    def apply(self, model: Tree) -> Tree:
        """The model with these biases in its ``out_bias``, and the deviations from them in its ``out_std``."""
        arrays = {leaf.path: leaf.array for leaf in leaves(model)}
        place = f"{self._biased_part}out_bias"
        bias, deviation = np.array(arrays[place]), np.array(arrays["out_std"])
        for index, fit in self._fits.items():
            ncomponents = self._outputs[index].ncomponents
            bias[index, :, :ncomponents], deviation[index, :, :ncomponents] = fit.solve()
        return with_leaves(model, {place: bias, "out_std": deviation})


class BiasFit:
    """Biases b of the types that minimise Σ_f |y_f - Σ_t n_ft b_t|², n_ft atoms of type t in frame f.

    Where the output is averaged over the atoms, n_ft is the share of the type. Where the data does not tell, as
    between O and H of water, the shortest b is taken; a type that does not occur has 0. Types with a preset bias, or
    one that the model assigns, keep that value and the others fit the rest. Where the bias is to be the same for all
    types, it is the mean over the frames, per atom where the output is a sum. Atoms without the output don't count.
    Kept of a frame are its label and its numbers of atoms.
    """

    def __init__(self, output: OutputDef, model: Model, preset: Values | None) -> None:
        self._output = output
        self._rcond = model.rcond
        selected = range(model.ntypes) if output.selected_types is None else output.selected_types
        self._counted = np.isin(np.arange(model.ntypes), [t for t in selected if t not in model.atom_exclude_types])
        self._assigned = self._assigned_bias(preset, model.assigned_bias.get(output.name))
        self._labels = [np.zeros((0, output.ncomponents))]
        self._natoms = [np.zeros((0, model.ntypes))]

    def _assigned_bias(self, preset: Values | None, of_model: Values | None) -> Float[np.ndarray, "ntypes ncomponents"]:
        """Biases that are given, NaN where they are to be found."""
        ntypes, size = len(self._counted), self._output.ncomponents
        # virtual types have none
        preset = [*(preset or []), *[None] * (ntypes - len(preset or []))]
        values = zip(preset, of_model or [None] * ntypes, strict=True)
        chosen = [own if given is None else given for given, own in values]
        return np.array([np.full(size, np.nan if value is None else value, dtype=float) for value in chosen])

    def add(self, batch: Batch) -> None:
        """Takes a batch in, if its label is known."""
        if not batch.found.get(self._output.name):
            return
        numbers = [np.sum(batch.atype == t, axis=1) for t in range(len(self._counted))]
        natoms = np.stack(numbers, axis=1) * self._counted
        if self._output.reduction == "mean":
            natoms = natoms / np.maximum(1, natoms.sum(axis=1, keepdims=True))
        self._natoms.append(natoms)
        self._labels.append(batch.labels[self._output.name])

    def solve(self) -> tuple[Float[np.ndarray, "ntypes ncomponents"], Float[np.ndarray, "ncomponents"]]:
        """Bias of the types, and the standard deviation of the frames' values left by it."""
        is_assigned = ~np.isnan(self._assigned)
        bias = np.where(is_assigned, self._assigned, 0.0)
        labels, natoms = np.concatenate(self._labels), np.concatenate(self._natoms)
        if not len(labels):
            return bias, np.ones(bias.shape[1])
        if self._output.has_common_bias:
            of_atoms = labels / np.maximum(1, natoms.sum(axis=1, keepdims=True))
            return np.broadcast_to(np.mean(of_atoms, axis=0), bias.shape), np.std(of_atoms, axis=0)
        for k in range(bias.shape[1]):
            rest = labels[:, k] - natoms @ bias[:, k]
            fitted, *_ = np.linalg.lstsq(natoms * ~is_assigned[:, k], rest, rcond=self._rcond)
            bias[:, k] = np.where(is_assigned[:, k], bias[:, k], fitted)
        return bias, np.std(labels - natoms @ bias, axis=0)


def bias_labels(outputs: tuple[OutputDef, ...]) -> list[DataRequirement]:
    """The labels that biases are fitted to; data without them is passed over."""
    return [
        DataRequirement(output.name, output.ncomponents, high_precision=output.name == "energy")
        for output in outputs
        if output.has_bias and output.reduction is not None
    ]
