# SPDX-License-Identifier: LGPL-3.0-or-later
"""Environments of a few common sizes: a compiled program serves all frames that are padded to its sizes.

Padding changes no number: padded slots are empty, padded atoms virtual, their rows reach no result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock

if TYPE_CHECKING:
    from deepmd_dp.interface import Model

_LEAST = 16
"""Fewest atoms."""
_FEW_ROWS = 32
"""Where there are so few atoms, frames included, a program's time is not in the arrays: one size serves them all."""
_FEW_SLOTS = 32
"""Width of the lists there."""

Sizes = dict[str, int]
"""Names of open sizes, as `deepmd_dp.kit.signature` has them, to numbers."""


def round_up(size: int, steps: int = 8, least: int = _LEAST) -> int:
    """The next of a few sizes, `steps` of them from one power of two to the next.

    Examples
    --------
    >>> [round_up(n) for n in (3, 17, 100, 192, 193)]
    [16, 18, 104, 192, 208]
    """
    if size <= least:
        return least
    step = max(1, (1 << (size - 1).bit_length()) // (2 * steps))
    return -(-size // step) * step


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
        lists = list(zip(model.lists, model.list_capacities, strict=True))
        self._capacities = {_width(k, b): each for k, (_, sel) in enumerate(lists) for b, each in enumerate(sel)}
        self._fixed = {
            _width(k, b) for k, (spec, sel) in enumerate(lists) if spec.widths is not None for b in range(len(sel))
        }
        if not with_frames:
            self._fixed.add("nframes")
        self._met: list[Sizes] = []

    def pad(self, env: Environment) -> Environment:
        """The environment, of NumPy arrays, with more frames, atoms, slots of lists, atoms of each type.

        Ghosts are filled up with images of the first atom. Where there are any the number of local atoms stays, since
        theirs follow; the parts of a large frame have the same number anyway.
        """
        sizes = self._choose(env)
        nframes, nloc = sizes["nframes"], sizes["nloc"]
        empty_type = None if env.empty_type is None else pad(env.empty_type, (nframes,))

        def padded(block: NeighborBlock, spec: ListSpec, width: int) -> NeighborBlock:
            return _pad_block(block, (nframes, nloc, width), 2.0 * spec.rcut, empty_type)

        return replace(
            env,
            lists=tuple(
                tuple(padded(block, spec, sizes[_width(k, b)]) for b, block in enumerate(blocks))
                for k, (spec, blocks) in enumerate(zip(env.specs, env.lists, strict=True))
            ),
            atype=pad(env.atype, (nframes, nloc), -1),
            empty_type=empty_type,
            mapping=None if env.mapping is None else _pad_mapping(env.mapping, nframes, nloc, sizes["nall"]),
            owned=None if env.owned is None else pad(env.owned, (nframes, nloc)),
            **({} if env.restore is None else _pad_centers(env, sizes)),
        )

    def _choose(self, env: Environment) -> Sizes:
        """The first sizes met that hold all and waste little, or new ones."""
        needed, has_ghosts = _sizes_of(env), _has_ghosts(env)
        fixed = self._fixed | {"nloc"} if has_ghosts else self._fixed
        new = self._round(needed, has_ghosts) | {name: size for name, size in needed.items() if name in fixed}

        def serve(met: Sizes) -> bool:
            return met.keys() == needed.keys() and all(
                size <= met[name] <= (size if name in fixed else max(new[name], size + size // 4))
                for name, size in needed.items()
            )

        found = next(filter(serve, self._met), None)
        if found is None:
            self._met.append(new)
        return found or new

    def _round(self, needed: Sizes, has_ghosts: bool) -> Sizes:
        nloc = round_up(needed["nloc"])
        is_small = needed["nframes"] * needed["nloc"] <= _FEW_ROWS
        rounded = {"nframes": round_up(needed["nframes"], steps=4, least=max(1, _FEW_ROWS // nloc)), "nloc": nloc}
        for name, size in needed.items():
            if name.startswith("natoms_"):
                # parts of a frame differ by one atom of a type
                rounded[name] = round_up(size + has_ghosts)
            elif name == "nall":
                rounded[name] = round_up(size) if has_ghosts else nloc
            elif name in self._capacities:
                rounded[name] = self._round_width(size, self._capacities[name], is_small)
        return rounded

    @staticmethod
    def _round_width(size: int, capacity: int, is_small: bool) -> int:
        """A width that the model's `sel` holds gets no wider, and many are exactly that."""
        if is_small:
            return round_up(size, steps=4, least=_FEW_SLOTS)
        width = round_up(size, steps=8)
        return min(width, capacity) if size <= capacity else width


def pad(values: np.ndarray, size: tuple[int, ...], fill: Any = 0) -> np.ndarray:
    """The values in the first corner of an array of this size."""
    padded = np.empty(size, values.dtype)
    padded[...] = fill
    padded[tuple(slice(n) for n in values.shape)] = values
    return padded


def pad_atoms(values: np.ndarray, env: Environment) -> np.ndarray:
    """Values of frames (nframes, n), or of atoms (nframes, nloc, n), with zeros for those that padding has added."""
    return pad(values, (*env.atype.shape[: values.ndim - 1], values.shape[-1]))


def _width(k: int, block: int) -> str:
    return f"nnei_{k}_{block}"


def _has_ghosts(env: Environment) -> bool:
    return env.mapping is not None and env.mapping.shape[1] > env.atype.shape[1]


def _sizes_of(env: Environment) -> Sizes:
    sizes = {"nframes": env.atype.shape[0], "nloc": env.atype.shape[1]}
    sizes |= {
        _width(k, b): block.nlist.shape[2] for k, blocks in enumerate(env.lists) for b, block in enumerate(blocks)
    }
    sizes |= {f"natoms_{t}": len(index) for t, index in enumerate(env.centers)}
    return sizes if env.mapping is None else sizes | {"nall": env.mapping.shape[1]}


def _pad_block(
    block: NeighborBlock, size: tuple[int, int, int], distance: float, empty_type: np.ndarray | None
) -> NeighborBlock:
    """More empty slots, whose displacements lie beyond the cut-off."""
    types = block.neighbor_type
    return NeighborBlock(
        edge_vec=pad(block.edge_vec, (*size, 3), np.array([distance, 0.0, 0.0])),
        nlist=pad(block.nlist, size, -1),
        neighbor_type=None if types is None or empty_type is None else pad(types, size, empty_type[:, None, None]),
    )


def _pad_mapping(mapping: np.ndarray, nframes: int, nloc: int, nall: int) -> np.ndarray:
    padded = pad(mapping, (nframes, nall))
    padded[:, :nloc] = np.arange(nloc)
    return padded


def _pad_centers(env: Environment, sizes: Sizes) -> dict[str, Any]:
    """`centers`, filled up with the last atom, and `restore`, where padded atoms take the first row.

    Those rows get no gradient: of the former nothing is restored, the outputs of the latter are masked.
    """
    nframes, nloc = env.atype.shape
    place = (np.arange(nframes)[:, None] * sizes["nloc"] + np.arange(nloc)).ravel()
    last = sizes["nframes"] * sizes["nloc"] - 1
    widths = [sizes[f"natoms_{t}"] for t in range(len(env.centers))]
    centers = tuple(pad(place[index], (width,), last) for index, width in zip(env.centers, widths, strict=True))
    restore = np.zeros(last + 1, dtype=np.int64)
    for start, index in zip(np.cumsum((0, *widths[:-1])), env.centers, strict=True):
        restore[place[index]] = start + np.arange(len(index))
    return {"centers": centers, "restore": restore}
