# SPDX-License-Identifier: LGPL-3.0-or-later
"""How much memory there is, so that what cannot fit is refused before the system ends the process."""

from __future__ import annotations

from pathlib import Path

from deepmd.errors import BackendError

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def free_memory() -> int | None:
    """Bytes that this process can still have: the system's, or what its container leaves; None: not known."""
    found = [each for each in (_of_system(), _of_container()) if each is not None]
    return min(found, default=None)


def check_memory(nframes: int, natoms: int, bytes_per_atom: float) -> None:
    """Refuses frames that are evaluated whole and do not fit.

    Raises
    ------
    BackendError
        They need more memory than there is; of several frames fewer may fit, which `deepmd.infer.batch_size` tries.
    """
    needed, free = nframes * natoms * bytes_per_atom, free_memory()
    if free is not None and needed > free:
        raise BackendError(
            f"not enough memory: {nframes} frame(s) of {natoms} atoms need about {needed / 1e9:.1f} GB, "
            f"{bytes_per_atom / 1e6:.2f} MB an atom, and {free / 1e9:.1f} GB are free; a model that passes messages "
            "evaluates frames whole: take a smaller one, or a machine with more memory."
        )


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
