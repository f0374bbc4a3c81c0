# SPDX-License-Identifier: LGPL-3.0-or-later
"""The deviation between several models of the same data, which tells where they are unsure.

References
----------
Y. Zhang et al., Comput. Phys. Commun. 253, 107206 (2020): the deviation of the forces.
J. Zeng et al., J. Chem. Phys. 159, 054801 (2023), eqs. 71 and 72: relative deviations.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data import DataRequirement, System, find_systems
from deepmd.errors import InputError
from deepmd.files import atomic_path
from deepmd.files.overwrite import check_outputs
from deepmd.infer.deep_pot import DeepPot
from deepmd.infer.evaluator import DeepEval
from deepmd.infer.systems import eval_arguments, iterate_frames, naming_frames, needed_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import TextIO

    from deepmd.data import Batch

log = logging.getLogger(__name__)

COLUMNS = [f"{which}_devi_{item}" for item in "vf" for which in ("max", "min", "avg")] + ["devi_e"]
LABELS = (
    DataRequirement("energy", 1, must=True, high_precision=True),
    DataRequirement("force", 3, atomic=True, must=True),
    DataRequirement("virial", 9),
)
"""What ``real_error`` compares with; without virials their columns are NaN."""


def calc_model_devi_f(
    fs: np.ndarray,
    real_f: np.ndarray | None = None,
    relative: float | None = None,
    atomic: bool = False,
    is_real: np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    r"""The deviation of the forces, :math:`\sqrt{\langle |f_i - \langle f_i \rangle|^2 \rangle}` for atom i.

    Parameters
    ----------
    fs : np.ndarray, (nmodels, nframes, natoms, 3) [eV/Å]
    real_f : np.ndarray, (nframes, natoms, 3) [eV/Å], optional
        True forces, which take the place of the mean over the models.
    relative : float, optional
        Level l [eV/Å]: the deviation is divided by l plus the length of the mean (or true) force.
    atomic : bool
        Whether each atom's deviation is given too.
    is_real : np.ndarray, (nframes, natoms) bool, optional
        False for virtual atoms, which don't count.

    Returns
    -------
    maximum, minimum, average : np.ndarray, (nframes,) [eV/Å]
        Over the atoms.
    deviation : np.ndarray, (nframes, natoms) [eV/Å]
        Only where ``atomic``.
    """
    devi = np.linalg.norm(_deviation(fs, real_f), axis=-1)
    if relative is not None:
        devi = devi / (np.linalg.norm(_center(fs, real_f), axis=-1) + relative)
    counted = {"where": True} if is_real is None else {"where": is_real}
    statistics = (
        np.max(devi, axis=-1, initial=0.0, **counted),
        np.min(devi, axis=-1, initial=np.inf, **counted),
        np.mean(devi, axis=-1, **counted),
    )
    return (*statistics, devi) if atomic else statistics


def calc_model_devi_e(es: np.ndarray, real_e: np.ndarray | None = None) -> np.ndarray:
    """The deviation of the energies, (nframes,).

    Parameters
    ----------
    es : np.ndarray, (nmodels, nframes, 1)
        Energies, for `calc_model_devi` those per atom [eV].
    real_e : np.ndarray, (nframes, 1), optional
        True energies, which take the place of the mean over the models.
    """
    return _deviation(es, real_e)[..., 0]


def calc_model_devi_v(
    vs: np.ndarray, real_v: np.ndarray | None = None, relative: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The deviation of the virials.

    Parameters
    ----------
    vs : np.ndarray, (nmodels, nframes, 9)
        Virials, for `calc_model_devi` those per atom [eV].
    real_v : np.ndarray, (nframes, 9), optional
        True virials, which take the place of the mean over the models.
    relative : float, optional
        Level l: the deviation is divided by l plus the norm of the mean (or true) virial.

    Returns
    -------
    maximum, minimum : np.ndarray, (nframes,)
        Over the nine components.
    average : np.ndarray, (nframes,)
        Root of the mean square over the nine components.
    """
    devi = _deviation(vs, real_v)
    if relative is not None:
        devi = devi / (np.linalg.norm(_center(vs, real_v), axis=-1, keepdims=True) + relative)
    return devi.max(axis=-1), devi.min(axis=-1), np.sqrt(np.mean(np.square(devi), axis=-1))


def calc_model_devi(
    coord: np.ndarray,
    box: np.ndarray | None,
    atype: np.ndarray,
    models: list[DeepPot],
    fname: str | Path | None = None,
    frequency: int = 1,
    mixed_type: bool = False,
    fparam: np.ndarray | None = None,
    aparam: np.ndarray | None = None,
    real_data: dict[str, np.ndarray] | None = None,
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
    spin: np.ndarray | None = None,
    charge_spin: np.ndarray | None = None,
) -> np.ndarray:
    """The deviation of energy, force and virial between models.

    Parameters
    ----------
    coord, box, atype, mixed_type, fparam, aparam, spin, charge_spin
        The frames, as for `DeepPot.eval`.
    models : list of DeepPot
        Models with the same type map.
    fname : str or Path, optional
        File that the result is appended to.
    frequency : int
        Steps between two frames.
    real_data : dict[str, Any], optional
        True ``energy`` (nframes, 1) and ``virial`` (nframes, 9) per atom [eV], ``force`` (nframes, natoms, 3) [eV/Å].
    atomic : bool
        Whether a column for each atom's force is added.
    relative, relative_v : float, optional
        Levels of relative deviations, see `calc_model_devi_f` and `calc_model_devi_v`.

    Returns
    -------
    np.ndarray, (nframes, 8) or (nframes, 8 + natoms)
        Step; largest, smallest and average deviation of the virial per atom [eV] and of the force [eV/Å];
        deviation of the energy per atom [eV].
    """
    real = real_data or {}
    inputs: dict[str, Any] = {"fparam": fparam, "aparam": aparam, "mixed_type": mixed_type}
    inputs |= {"spin": spin, "charge_spin": charge_spin}
    energy, force, virial = zip(*(model.eval(coord, box, atype, **inputs)[:3] for model in models), strict=True)
    is_real = _find_real_atoms(atype, force[0].shape[:2])
    natoms = is_real.sum(axis=1)[:, None]
    of_force = calc_model_devi_f(np.array(force), real.get("force"), relative, atomic=True, is_real=is_real)
    columns = [
        np.arange(len(natoms)) * frequency,
        *calc_model_devi_v(np.array(virial) / natoms, real.get("virial"), relative_v),
        *of_force[:3],
        calc_model_devi_e(np.array(energy) / natoms, real.get("energy")),
    ]
    devi = np.column_stack([*columns, of_force[3]] if atomic else columns)
    if fname:
        write_model_devi_out(devi, fname, atomic=atomic)
    return devi


def write_model_devi_out(devi: np.ndarray, fname: str | Path, header: str = "", atomic: bool = False) -> np.ndarray:
    """Appends the result of `calc_model_devi` to a file in deepmd-kit's columns.

    Parameters
    ----------
    devi : np.ndarray, (nframes, 8) or (nframes, 8 + natoms)
    fname : str or Path
    header : str
        First line, for instance the name of the system.
    atomic : bool
        Whether there are columns of the atoms.

    Raises
    ------
    InputError
        The number of columns does not fit.
    """
    width = len(COLUMNS) + 1
    if devi.shape[1] < width or atomic != (devi.shape[1] > width):
        expected = f"more than {width}" if atomic else str(width)
        raise InputError(f"a model deviation of {devi.shape[1]} columns, expected {expected}.")
    with open(fname, "a", encoding="utf-8") as file:
        _write_rows(file, devi, header)
    return devi


def make_model_devi(
    *,
    models: list[str],
    system: str,
    output: str,
    frequency: int = 1,
    real_error: bool = False,
    atomic: bool = False,
    relative: float | None = None,
    relative_v: float | None = None,
) -> list[np.ndarray]:
    """Writes the deviation of models on data systems to a file; one array for each system is returned.

    Parameters
    ----------
    models : list of str
        Model files; of one alone the deviations are 0.
    system : str
        Folder, searched recursively, or HDF5 file.
    output : str
        File to write; one that is there is replaced.
    frequency, atomic, relative, relative_v
        See `calc_model_devi`.
    real_error : bool
        Whether to give the root mean square error of the models against the labels.

    Raises
    ------
    InputError
        One is no potential, or their type maps differ; ``output`` can't be written, or is read here.
    DataError
        A system cannot be read or lacks labels.
    """
    if len(models) == 1 and not real_error:
        log.warning("one model deviates from nothing: all deviations are 0; with --real_error its errors are given.")
    check_outputs([output], [*models, system])
    opened = [_open_potential(model) for model in models]
    type_map = _common_type_map(opened)
    options = {"atomic": atomic, "relative": relative, "relative_v": relative_v}
    collected = []
    with atomic_path(output) as path, open(path, "w", encoding="utf-8") as file:
        for name in find_systems(system):
            needed = [*needed_inputs(opened[0]), *(LABELS if real_error else ())]
            data = System(name, type_map, needed, opened[0].backend.get_virtual_scale())
            devi = np.vstack([_batch_devi(batch, opened, real_error, options) for batch in iterate_frames(data)])
            devi[:, 0] = np.arange(len(devi)) * frequency
            _write_rows(file, devi, name)
            collected.append(devi)
    return collected


def _center(values: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    return np.mean(values, axis=0) if real is None else real


def _deviation(values: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    """Root mean square, over the models, of the difference from their mean or from the true value."""
    return np.asarray(np.sqrt(np.mean(np.square(values - _center(values, real)), axis=0)))


def _find_real_atoms(atype: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(nframes, natoms) bool, False for virtual atoms."""
    atype = np.asarray(atype)
    return np.broadcast_to(True if atype.dtype.kind == "U" else atype >= 0, shape)


def _batch_devi(batch: Batch, models: list[DeepPot], real_error: bool, options: dict[str, Any]) -> np.ndarray:
    arguments = eval_arguments(batch)
    coord, box, atype = (arguments.pop(key) for key in ("coords", "cells", "atom_types"))
    real_data = _true_values(batch) if real_error else None
    with naming_frames(batch):
        return calc_model_devi(coord, box, atype, models, real_data=real_data, **arguments, **options)


def _true_values(batch: Batch) -> dict[str, np.ndarray]:
    natoms = np.sum(batch.atype >= 0, axis=1)[:, None]
    virial = batch.labels["virial"] if batch.found["virial"] else np.full((batch.nframes, 9), np.nan)
    return {"energy": batch.labels["energy"] / natoms, "force": batch.labels["force"], "virial": virial / natoms}


def _open_potential(path: str) -> DeepPot:
    model = DeepEval(path)
    if not isinstance(model, DeepPot):
        raise InputError(f"a model deviation is one of potentials, but {path} is a model of {model.outputs[0].name!r}.")
    return model


def _common_type_map(models: Iterable[DeepPot]) -> list[str]:
    first, *others = models
    for other in others:
        if other.get_type_map() != first.get_type_map():
            raise InputError(
                f"the models' type maps differ: {' '.join(first.get_type_map())} in {first.model_file}, "
                f"{' '.join(other.get_type_map())} in {other.model_file}."
            )
    return first.get_type_map()


def _write_rows(file: TextIO, devi: np.ndarray, header: str) -> None:
    natoms = devi.shape[1] - len(COLUMNS) - 1
    titles = COLUMNS + ["atm_devi_f(N)"] * (natoms > 0)
    header = f"{header}\n{'step':10s}" + "".join(f"{title:19s}" for title in titles)
    np.savetxt(file, devi, fmt=["%12d"] + ["%19.6e"] * (devi.shape[1] - 1), delimiter="", header=header)
