# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp neighbor-stat`: the smallest distance and the most neighbors in data."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from deepmd.backend.discovery import neighbor_search
from deepmd.data import System, find_systems
from deepmd.data.neighbor_statistics import neighbor_statistics
from deepmd.errors import InputError

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> None:
    """Runs the sub-command."""
    neighbor_stat(
        system=args.system,
        rcut=args.rcut,
        type_map=args.type_map,
        mixed_type=args.mixed_type,
        backend=args.backend,
    )


def neighbor_stat(
    *,
    system: str,
    rcut: float,
    type_map: list[str] | None = None,
    mixed_type: bool = False,
    backend: str | None = None,
) -> tuple[float, np.ndarray]:
    """Logs and gives the neighbor statistics of data systems.

    Parameters
    ----------
    system : str
        Folder, searched recursively, or HDF5 file.
    rcut : float
        Cut-off radius [Å].
    type_map : list of str, optional
        Names of the types; None: those of the data, in the order in which they are met.
    mixed_type : bool
        Whether all types are counted together.
    backend : str, optional
        Flag of the backend that searches; None: any installed one that can.

    Returns
    -------
    min_nbor_dist : float
        Smallest distance between two atoms [Å]; inf where no two are within ``rcut``.
    max_nbor_size : np.ndarray, (ntypes,) int, or (1,) where ``mixed_type``
        Most neighbors of each type that an atom has.

    Raises
    ------
    InputError
        ``rcut`` is not positive, or a type of the data is not in ``type_map``.
    DataError
        A system cannot be read, or two atoms are at the same place.
    BackendError
        No installed backend searches neighbors.
    """
    if not rcut > 0:
        raise InputError(f"--rcut is {rcut}, expected a positive distance in Å.")
    names = find_systems(system)
    if type_map is None:
        type_map = _merge_type_maps(names)
        log.info("type_map: %s", type_map)
    else:
        _check_named(names, type_map)
    systems = [System(name, type_map) for name in names]
    found = neighbor_statistics(systems, rcut, len(type_map), neighbor_search(backend))
    nframes = sum(system.nframes for system in systems)
    if found.nframes < nframes:
        log.warning("looked at %d of the %d frames, spread evenly over the data.", found.nframes, nframes)
    if math.isinf(found.min_distance):
        log.warning("no atom has a neighbor within %g Å.", rcut)
    max_nbor_size = np.array([found.max_total]) if mixed_type else found.max_nnei
    log.info("min_nbor_dist: %f", found.min_distance)
    log.info("max_nbor_size: %s", max_nbor_size)
    return found.min_distance, max_nbor_size


def _check_named(names: list[str], type_map: list[str]) -> None:
    """Raises InputError for a type of the data that is not among those given."""
    for name in names:
        system = System(name)
        if not system.source.has("type_map.raw") or set(system.type_map) <= set(type_map):
            continue
        unknown = [each for each in system.observed_types() if each not in type_map]
        if unknown:
            raise InputError(
                f"system {name} has {', '.join(unknown)}, which -t ({' '.join(type_map)}) does not name; add to it, or "
                "leave -t out to take the types of the data."
            )


def _merge_type_maps(names: list[str]) -> list[str]:
    """All types of the systems, in the order in which they are met."""
    return list(dict.fromkeys(element for name in names for element in System(name).type_map))
