# SPDX-License-Identifier: LGPL-3.0-or-later
"""Environments of a few common sizes: a compiled program serves all frames that are padded to its sizes.

Padding changes no number: padded slots are empty, padded atoms virtual, their rows reach no result.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deepmd_dp.environment.environment import Environment

_LEAST = 16
"""Fewest atoms."""
_FEW_ROWS = 32
"""Where there are so few atoms, frames included, a program's time is not in the arrays: one size serves them all."""
_FEW_SLOTS = 32
"""Width of the lists there."""


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


def round_up_frames(nframes: int, nloc: int) -> int:
    """The same for frames of so many atoms."""
    return round_up(nframes, steps=4, least=max(1, _FEW_ROWS // round_up(nloc)))


class _Sizes(NamedTuple):
    """What an environment is padded to."""

    nframes: int
    nloc: int
    widths: tuple[int, ...]
    centers: tuple[int, ...]


def pad_environment(env: Environment, model: Any, *, with_frames: bool = False) -> Environment:
    """The environment with widths of lists, atoms and atoms of each type padded to common sizes.

    Parameters
    ----------
    env : Environment
        Of NumPy arrays.
    model : Module
        Says the cut-off, and the widths where they must stay; up to its `sel` a list gets no wider than that.
    with_frames : bool
        Add frames of virtual atoms too. (A loss, which is a mean over frames, would notice.)
    """
    nframes, nloc = env.atype.shape
    sizes = _Sizes(
        nframes=round_up_frames(nframes, nloc) if with_frames else nframes,
        nloc=round_up(nloc),
        widths=_widths(env, model),
        centers=tuple(round_up(len(index)) for index in env.centers),
    )
    first_type = np.maximum(pad(env.atype[:, :1], (sizes.nframes, 1)), 0)
    lists = [(sizes.nframes, sizes.nloc, width) for width in sizes.widths]
    return Environment(
        edge_vec=tuple(
            _pad_vectors(vec, size, 2.0 * model.rcut) for vec, size in zip(env.edge_vec, lists, strict=True)
        ),
        nlist=tuple(pad(nlist, size, -1) for nlist, size in zip(env.nlist, lists, strict=True)),
        neighbor_type=tuple(
            pad(types, size, first_type[:, :, None]) for types, size in zip(env.neighbor_type, lists, strict=True)
        ),
        atype=pad(env.atype, (sizes.nframes, sizes.nloc), -1),
        **_pad_centers(env, sizes),
    )


def pad_labels(labels: dict[str, np.ndarray], nloc: int) -> dict[str, np.ndarray]:
    """The labels with zeros for padded atoms; those of whole frames have two axes and stay."""
    return {
        name: pad(label, (label.shape[0], nloc, label.shape[2])) if label.ndim == 3 else label
        for name, label in labels.items()
    }


def _widths(env: Environment, model: Any) -> tuple[int, ...]:
    """Widths of the lists; one that the model's `sel` holds gets no wider, and many are exactly that."""
    found = [nlist.shape[2] for nlist in env.nlist]
    if model.list_widths is not None:
        return tuple(found)
    if env.atype.size <= _FEW_ROWS:
        return tuple(round_up(width, steps=4, least=_FEW_SLOTS) for width in found)
    rounded = [round_up(width, steps=4) for width in found]
    return tuple(
        min(width, sel) if least <= sel else width
        for width, least, sel in zip(rounded, found, model.slots, strict=True)
    )


def pad(values: np.ndarray, size: tuple[int, ...], fill: Any = 0) -> np.ndarray:
    """The values in the first corner of an array of this size."""
    padded = np.empty(size, values.dtype)
    padded[...] = fill
    padded[tuple(slice(n) for n in values.shape)] = values
    return padded


def _pad_vectors(vectors: np.ndarray, size: tuple[int, ...], distance: float) -> np.ndarray:
    """Displacements; those padded lie beyond the cut-off."""
    return pad(vectors, (*size, 3), np.array([distance, 0.0, 0.0]))


def _pad_centers(env: Environment, sizes: _Sizes) -> dict[str, Any]:
    """`centers`, filled up with the last atom, and `restore`, where padded atoms take the first row.

    Those rows get no gradient: of the former nothing is restored, the energies of the latter are masked.
    """
    nframes, nloc = env.atype.shape
    place = (np.arange(nframes)[:, None] * sizes.nloc + np.arange(nloc)).ravel()
    last = sizes.nframes * sizes.nloc - 1
    centers = tuple(pad(place[index], (size,), last) for index, size in zip(env.centers, sizes.centers, strict=True))
    restore = np.zeros(last + 1, dtype=env.restore.dtype)
    starts = np.cumsum((0, *sizes.centers[:-1]))
    for start, index in zip(starts, env.centers, strict=True):
        restore[place[index]] = start + np.arange(len(index))
    return {"centers": centers, "restore": restore}
