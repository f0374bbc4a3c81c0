# SPDX-License-Identifier: LGPL-3.0-or-later
"""Environments of a few common sizes: a compiled program serves all frames that are padded to its sizes.

Padding changes no number: padded slots are empty, padded atoms virtual, their rows reach no result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.dialect.array import Array, Shaped
from deepmd_dp.dialect.module import leaves, map_leaves
from deepmd_dp.environment.environment import Environment
from deepmd_dp.kit.common_sizes import CommonSizes, Sizes, round_up
from deepmd_dp.kit.signature import Signature, input_name

if TYPE_CHECKING:
    from deepmd_dp.interface import Model

_FEW_ROWS = 32
"""Where there are so few atoms, frames included, a program's time is not in the arrays: one size serves them all."""
_FEW_SLOTS = 32
"""Width of the lists there."""


class Padding:
    """Pads a model's environments to sizes met before where these are little larger, else to new ones.

    Parameters
    ----------
    model : Model
        Its lists get no wider than they were made for, unless they must.
    with_frames : bool
        Add frames of virtual atoms too. (A loss, which is a mean over frames, would notice.)
    """

    def __init__(self, model: Model, *, with_frames: bool = False) -> None:
        self._axes = {each.name: each.axes for each in Signature.of(model).inputs}
        self._capacities = {
            f"nnei_{k}_{block}": size
            for k, sel in enumerate(model.capacities.values())
            for block, size in enumerate(sel)
        }
        self._far = np.array([2.0 * model.rcut, 0.0, 0.0])
        self._with_frames = with_frames
        self._common = CommonSizes()

    def pad(self, env: Environment) -> Environment:
        """The environment, of NumPy arrays, with more frames, atoms, slots of lists, atoms of each type.

        Ghosts are filled up with images of the first atom. Where there are any the number of local atoms stays, since
        theirs follow; the parts of a large frame have the same number anyway.
        """
        sizes = self._choose(env)
        nframes, nloc = sizes["nframes"], sizes["nloc"]
        fill: dict[str, Any] = {"edge_vec": self._far, "nlist": -1, "atype": -1}
        if env.empty_type is not None:
            fill["neighbor_type"] = pad(np.asarray(env.empty_type), (nframes,))[:, None, None]

        def padded(path: str, array: Array) -> Array:
            axes = self._axes[input_name(path)]
            size = tuple(sizes[axis] if isinstance(axis, str) else axis for axis in axes)
            return pad(np.asarray(array), size, fill.get(path.rpartition(".")[2], 0))

        result = map_leaves(env, padded)
        if result.mapping is not None:
            np.asarray(result.mapping)[:, :nloc] = np.arange(nloc)
        return result if env.restore is None else replace(result, **_pad_centers(env, sizes))

    def _choose(self, env: Environment) -> Sizes:
        """Sizes that hold all and waste little."""
        needed = {
            name: size
            for leaf in leaves(env)
            for name, size in zip(self._axes[input_name(leaf.path)], leaf.array.shape, strict=True)
            if isinstance(name, str)
        }
        has_ghosts = needed.get("nall", 0) > needed["nloc"]
        fixed = {name for name, is_fixed in (("nloc", has_ghosts), ("nframes", not self._with_frames)) if is_fixed}

        def rounded(steps: int) -> Sizes:
            new = self._round(needed, steps, has_ghosts=has_ghosts) | {name: needed[name] for name in fixed}
            return new | {"nframes*nloc": new["nframes"] * new["nloc"]}

        return self._common.choose(needed, fixed, rounded)

    def _round(self, needed: Sizes, steps: int, *, has_ghosts: bool) -> Sizes:
        nloc = round_up(needed["nloc"], steps)
        few_frames = max(1, _FEW_ROWS // nloc)
        rounded = {"nframes": round_up(needed["nframes"], min(steps, 4), least=few_frames), "nloc": nloc}
        for name, size in needed.items():
            if name.startswith("natoms_"):
                rounded[name] = round_up(size + has_ghosts, steps)  # parts of a frame differ by one atom of a type
            elif name == "nall":
                rounded[name] = round_up(size, steps=1) if has_ghosts else nloc  # ghosts are no work
            elif name in self._capacities:
                is_small = needed["nframes"] * needed["nloc"] <= _FEW_ROWS
                capacity = self._capacities[name]
                width = round_up(size, steps, least=_FEW_SLOTS if is_small else _FEW_SLOTS // 2)
                # what the model's `sel` holds gets no wider, and much is exactly that
                rounded[name] = width if is_small or size > capacity else min(width, capacity)
        return rounded


def pad(values: Shaped[np.ndarray, "*axes"], size: tuple[int, ...], fill: Any = 0) -> Shaped[np.ndarray, "*padded"]:
    """The values in the first corner of an array of this size."""
    padded = np.empty(size, values.dtype)
    padded[...] = fill
    padded[tuple(slice(n) for n in values.shape)] = values
    return padded


def pad_atoms(values: Shaped[np.ndarray, "*axes"], env: Environment) -> Shaped[np.ndarray, "*padded"]:
    """Values of frames (nframes, n), or of atoms (nframes, nloc, n), with zeros for those that padding has added."""
    return pad(values, (*env.atype.shape[: values.ndim - 1], values.shape[-1]))


def _pad_centers(env: Environment, sizes: Sizes) -> dict[str, Any]:
    """`centers`, filled up with the last atom, and `restore`, where padded atoms take the first row.

    Those rows get no gradient: of the former nothing is restored, the outputs of the latter are masked.
    """
    nframes, nloc = env.atype.shape
    own = [np.asarray(index) for index in env.centers]
    place = (np.arange(nframes)[:, None] * sizes["nloc"] + np.arange(nloc)).ravel()
    widths = [sizes[f"natoms_{t}"] for t in range(len(env.centers))]
    centers = tuple(
        pad(place[index], (width,), sizes["nframes*nloc"] - 1) for index, width in zip(own, widths, strict=True)
    )
    restore = np.zeros(sizes["nframes*nloc"], dtype=np.int64)
    for start, index in zip(np.cumsum((0, *widths[:-1])), own, strict=True):
        restore[place[index]] = start + np.arange(len(index))
    return {"centers": centers, "restore": restore}
