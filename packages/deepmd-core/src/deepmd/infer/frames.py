# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checks what a user gives to be evaluated and brings it into the shapes that backends take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN, problem_of
from deepmd.data.mask import check_mask
from deepmd.errors import InputError
from deepmd.limits import LARGEST_LENGTH, LARGEST_SPIN

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from deepmd.infer.deep_eval import DeepEvalBackend


def read_frames(
    model: DeepEvalBackend,
    coords: ArrayLike,
    cells: ArrayLike | None,
    atom_types: ArrayLike,
    fparam: ArrayLike | None = None,
    aparam: ArrayLike | None = None,
    mixed_type: bool = False,
    spin: ArrayLike | None = None,
    charge_spin: ArrayLike | None = None,
) -> dict[str, np.ndarray | None]:
    """The frames as a backend takes them, by the names of its arguments.

    Parameters
    ----------
    model : DeepEvalBackend
        Its type map and its numbers of parameters are what is checked against.
    coords : (nframes, natoms * 3) or (nframes, natoms, 3) [Å]
        The axis of the frames may be missing where there is one frame.
    cells : (nframes, 9) or (nframes, 3, 3) [Å] or None
        Rows are cell vectors; None: open boundaries.
    atom_types : (natoms,), or (nframes, natoms) where ``mixed_type``
        Indices into the type map (-1: virtual atom), or names of elements.
    fparam : (nframes, dim_fparam) or (dim_fparam,), optional
    aparam : (nframes, natoms, dim_aparam), (natoms, dim_aparam) or (dim_aparam,), optional
    spin : (nframes, natoms, 3) or (natoms, 3) [μB], optional
        Of all atoms; what it is for types without spin does not matter.
    charge_spin : (nframes, 2) or (2,), optional
        Charge and spin of each frame, integers, see `deepmd.charge_spin`.

    Returns
    -------
    dict[str, np.ndarray or None]
        ``coords`` (nframes, natoms, 3), ``cells`` (nframes, 3, 3), ``atom_types`` (nframes, natoms),
        ``fparam`` (nframes, dim_fparam), ``aparam`` (nframes, natoms, dim_aparam), of a model of spins ``spin``
        (nframes, natoms, 3), and where a model takes it ``charge_spin`` (nframes, 2).

    Raises
    ------
    InputError
        Something has the wrong size, is missing, is not finite, or names an unknown type.
    """
    types = _read_types(atom_types, model.get_type_map(), mixed_type)
    natoms = types.shape[1]
    coords = _read_coords(coords, natoms)
    nframes = len(coords)
    if len(types) not in (1, nframes):
        raise InputError(f"atom_types has {len(types)} rows, but coords holds {nframes} frames of {natoms} atoms.")
    size, has_default = (nframes, model.get_dim_fparam()), model.has_default_fparam()
    return {
        "coords": coords,
        "cells": None if cells is None else _read_cells(cells, nframes),
        "atom_types": np.ascontiguousarray(np.broadcast_to(types, (nframes, natoms))),
        "fparam": _read_parameters("fparam", fparam, size, optional=has_default),
        "aparam": _read_aparam(model, aparam, (nframes, natoms)),
        **_read_spins(model, spin, charge_spin, (nframes, natoms)),
    }


def find_types(names: ArrayLike, type_map: list[str]) -> np.ndarray:
    """Indices of elements' names in a type map, int64 in the shape of the names.

    Raises
    ------
    InputError
        An element is not in the type map.
    """
    names = np.asarray(names)
    unknown = sorted(set(names.ravel().tolist()) - set(type_map))
    if unknown:
        raise InputError(f"the model does not know {', '.join(unknown)}; its type_map is {' '.join(type_map)}.")
    index = {name: number for number, name in enumerate(type_map)}
    return np.array([index[name] for name in names.ravel().tolist()], dtype=np.int64).reshape(names.shape)


def _read_aparam(model: DeepEvalBackend, aparam: ArrayLike | None, size: tuple[int, int]) -> np.ndarray | None:
    found = _read_parameters("aparam", aparam, (*size, model.get_dim_aparam()))
    if found is not None and model.takes_mask():
        check_mask(found)
    return found


def _read_types(atom_types: ArrayLike, type_map: list[str], mixed_type: bool) -> np.ndarray:
    """The types, (1, natoms), or (nframes, natoms) where they differ between frames."""
    types = np.asarray(atom_types)
    if types.size == 0:
        types = types.astype(np.int64)
    if types.ndim > 2 or (mixed_type and types.ndim < 2):
        expected = "(nframes, natoms)" if mixed_type else "(natoms,)"
        raise InputError(f"atom_types has the shape {types.shape}, expected {expected}.")
    types = np.atleast_2d(find_types(types, type_map) if types.dtype.kind == "U" else types)
    if types.dtype.kind not in "iuf" or (types.dtype.kind == "f" and not np.array_equal(types, np.rint(types))):
        raise InputError(f"atom_types holds {types.dtype}, expected integers or names of elements.")
    if types.min(initial=0) < -1 or types.max(initial=0) >= len(type_map):
        outside = types.min() if types.min() < -1 else types.max()
        known = " ".join(type_map)
        raise InputError(f"atom_types holds {outside:g}, expected 0 to {len(type_map) - 1}: the type_map is {known}.")
    return types.astype(np.int64)


def _read_coords(coords: ArrayLike, natoms: int) -> np.ndarray:
    coords = _read_numbers("coords", coords)
    if natoms == 0 and coords.size == 0:
        is_of_frames = coords.ndim == 3 or (coords.ndim == 2 and coords.shape[1] == 0)
        return coords.reshape(len(coords) if is_of_frames else 1, 0, 3)
    if natoms == 0 or coords.size == 0 or coords.size % (natoms * 3):
        raise InputError(f"coords holds {coords.size} numbers, expected a multiple of 3 for each of {natoms} atoms.")
    coords = coords.reshape(-1, natoms, 3)
    _check_finite("coords", coords, ("frame", "atom"), LARGEST_LENGTH)
    return coords


def _read_cells(cells: ArrayLike, nframes: int) -> np.ndarray:
    cells = _read_numbers("cells", cells)
    if cells.size != nframes * 9:
        raise InputError(f"cells has the shape {cells.shape}, expected ({nframes}, 9) or ({nframes}, 3, 3).")
    cells = cells.reshape(nframes, 3, 3)
    _check_finite("cells", cells, ("frame", "vector"), LARGEST_LENGTH)
    is_flat = np.abs(np.linalg.det(cells)) < 1e-12
    if is_flat.any():
        raise InputError(f"the cell of frame {np.argmax(is_flat)} has no volume; for open boundaries give cells=None.")
    return cells


def _read_parameters(
    name: str, values: ArrayLike | None, shape: tuple[int, ...], optional: bool = False
) -> np.ndarray | None:
    """fparam or aparam, where the leading axes of ``shape`` may be missing."""
    dim = shape[-1]
    if values is None:
        if dim > 0 and not optional:
            raise InputError(
                f"the model needs {name}: {dim} numbers for each {'frame' if len(shape) == 2 else 'atom'}."
            )
        return None
    values = _read_numbers(name, values)
    if dim == 0:
        raise InputError(f"{name} is given, but the model takes none.")
    for missing in range(len(shape)):
        if values.size == np.prod(shape[missing:]):
            values = np.ascontiguousarray(np.broadcast_to(values.reshape(shape[missing:]), shape))
            _check_finite(name, values, ("frame", "atom"))
            return values
    accepted = " or ".join(str(shape[missing:]) for missing in range(len(shape)))
    raise InputError(f"{name} has the shape {values.shape}, expected {accepted}.")


def _read_spin(values: ArrayLike | None, shape: tuple[int, int, int]) -> np.ndarray:
    """The spins of all atoms, which may be the same in all frames."""
    if values is None:
        raise InputError("the model needs spin: 3 numbers for each atom.")
    values = _read_numbers("spin", values)
    is_of_frames = values.size == np.prod(shape)
    if not is_of_frames and values.size != np.prod(shape[1:]):
        raise InputError(f"spin has the shape {values.shape}, expected {shape} or {shape[1:]}.")
    values = np.ascontiguousarray(np.broadcast_to(values.reshape(shape if is_of_frames else shape[1:]), shape))
    _check_finite("spin", values, ("frame", "atom"), LARGEST_SPIN, "μB")
    return values


def _read_spins(
    model: DeepEvalBackend, spin: ArrayLike | None, charge_spin: ArrayLike | None, size: tuple[int, int]
) -> dict[str, np.ndarray | None]:
    """The spins of atoms, and charge and spin of frames, of a model that takes them."""
    found: dict[str, np.ndarray | None] = {}
    if model.get_has_spin():
        found["spin"] = _read_spin(spin, (*size, 3))
    elif spin is not None:
        raise InputError("spin is given, but the model takes none.")
    if charge_spin is not None or model.has_chg_spin_ebd():
        found[CHARGE_SPIN] = _read_charge_spin(model, charge_spin, size[0])
    return found


def _read_charge_spin(model: DeepEvalBackend, values: ArrayLike | None, nframes: int) -> np.ndarray | None:
    """Charge and spin of each frame, which may be the same in all frames; None: the model's default."""
    dim = 2 if model.has_chg_spin_ebd() else 0
    found = _read_parameters(CHARGE_SPIN, values, (nframes, dim), optional=model.has_default_chg_spin())
    if found is not None and (problem := problem_of(found)):
        raise InputError(f"{CHARGE_SPIN} of frame {problem[0]} {problem[1]}.")
    return found


def _check_finite(
    name: str, values: np.ndarray, axes: tuple[str, str], largest: float = math.inf, unit: str = "Å"
) -> None:
    """Raises InputError that tells where the first number is that is not finite; ``axes`` name the first two axes."""
    is_right = np.isfinite(values) & (np.abs(values) <= largest)
    if not is_right.all():
        first = np.argwhere(~is_right)[0]
        where = ", ".join(f"{axis} {index}" for axis, index in zip(axes, first[:-1], strict=False))
        limit = "" if math.isinf(largest) else f" up to {largest:g} {unit}"
        raise InputError(f"{name} holds {values[tuple(first)]} at {where}, expected finite numbers{limit}.")


def _read_numbers(name: str, values: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not an array of numbers ({error}).") from error
