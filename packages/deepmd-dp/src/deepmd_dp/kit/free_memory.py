# SPDX-License-Identifier: LGPL-3.0-or-later
"""How much memory there is: what does not fit is cut, or refused, before the system ends the process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import OutOfMemoryError
from deepmd_dp.dialect.array import Float
from deepmd_dp.environment.halos import halo_blocks, most_local
from deepmd_dp.kit.parts import bytes_per_atom, list_widths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.environment.builder import Lists
    from deepmd_dp.environment.halos import Block
    from deepmd_dp.interface import Model

log = logging.getLogger(__name__)

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that this process can still have: the system's, or what its container leaves; None: not known."""
    found = [each for each in (_of_system(), _of_container()) if each is not None]
    return min(found, default=None)


def blocks_that_fit(
    model: Model,
    coord: Float[np.ndarray, "nframes natoms 3"],
    box: Float[np.ndarray, "nframes 3 3"] | None,
    frames: Sequence[Lists],
) -> list[Block]:
    """Blocks with halos of a frame that does not fit into the memory whole; none where all frames fit.

    `frames` are the frames' lists; lengths in Å.

    Raises
    ------
    OutOfMemoryError
        The frame does not fit in blocks either, or there are several, of which fewer may fit
        (`deepmd.infer.batch_size` tries that).
    """
    nframes, natoms = coord.shape[:2]
    of_atom, free = bytes_per_atom(model, list_widths(frames)), free_memory()
    if free is None or nframes * natoms * of_atom <= free:
        return []
    needed = f"about {nframes * natoms * of_atom / 1e9:.2f} GB, {of_atom / 1e6:.2f} MB an atom"
    text = f"not enough memory: {nframes} frame(s) of {natoms} atoms need {needed}, and {free / 1e9:.2f} GB are free; "
    if nframes > 1:
        raise OutOfMemoryError(f"{text}evaluate fewer frames at once.")
    blocks = halo_blocks(model, frames[0], coord[0], None if box is None else box[0], free / of_atom)
    nlocal, work = most_local(blocks), sum(len(block.local) for block in blocks) / natoms
    if nlocal * of_atom > free:
        raise OutOfMemoryError(f"{text}take a smaller frame or a machine with more memory.")
    log.info("a frame of %d atoms is evaluated in %d blocks, with %.1f times the work.", natoms, len(blocks), work)
    return blocks


def _of_system() -> int | None:
    """What Linux says could be had without swapping."""
    try:
        rows = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _of_container() -> int | None:
    """What the limit of a cgroup leaves, version 2; what files occupy in it can be had."""
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
        rows = dict(line.split() for line in (_CGROUP / "memory.stat").read_text().splitlines())
        return limit - used + int(rows["inactive_file"])
    except (OSError, KeyError, ValueError):
        return None
