# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp compress`: a model with tables in the place of its embedding nets, in deepmd-kit's form, or in single precision.

Our model files hold these nets as small matrices from the start, without loss: without loss they are as fast as they
get. Tables are for deepmd-kit, which evaluates them faster than nets, and in the files that it reads; a file of another
kind is written as it is, for scripts that compress what they have frozen.
"""

from __future__ import annotations

import logging
import math
from contextlib import closing
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepmd.backend.discovery import backend_of_file, model_to_read, model_to_write
from deepmd.backend.model_files import open_model
from deepmd.contract import walk_arrays
from deepmd.contract.precision import in_precision
from deepmd.contract.self_test import describe, make_self_test, verify
from deepmd.contract.summary import type_map_of
from deepmd.data import System
from deepmd.data.mask import MASK
from deepmd.data.neighbor_statistics import neighbor_statistics
from deepmd.entrypoints.convert_backend import convert, read_with_self_test
from deepmd.errors import InputError
from deepmd.files import atomic_path
from deepmd.infer.deviation import differences_on_data
from deepmd.infer.systems import systems_of_input
from deepmd.registry import check_tree

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from deepmd.aliases import Document
    from deepmd.backend import Backend
    from deepmd.contract.self_test import Difference

log = logging.getLogger(__name__)

WRITTEN = (".dp", ".yaml", ".yml")
"""Endings of the files that deepmd-kit reads too."""
REACH = 1.0
"""Down to this distance [Å] there are fine pieces in any case: data of liquids and solids with heavy atoms have larger
smallest distances, frames of the self-test have not."""
NO_TABLES = (
    "files that end in %s hold the embedding nets as matrices, so that there is nothing to compress without "
    "loss: the model is written as it is. Tables are for %s, single precision is by --precision."
)
OF_ANGLES = "nets of angles gain nothing by tables, here nor in deepmd-kit's files: the model is written as it is."
"""Why a file gets the model as it is."""
SELF_TEST, DATA = "its self-test", "frames of the data"
"""What a model is compared on."""
LARGEST = 1e-6
"""The largest difference of a term [its unit] that a table may make; deepmd-kit's default step makes less."""


def run(args: Namespace) -> None:
    """Runs the sub-command."""
    source = model_to_read(args.input, args.backend)
    target = model_to_write(args.output, _ending_like(source), source)
    tables = {"step": args.step, "extrapolate": args.extrapolate, "check_frequency": args.frequency}
    given = {name: value for name, value in tables.items() if value is not None}
    if args.precision and given:
        raise InputError("--step, --extrapolate and --frequency are of tables; with --precision nets stay nets.")
    if args.precision:
        differences = change_precision(source, target, args.precision, training_script=args.training_script)
    else:
        differences = compress(source, target, training_script=args.training_script, **given)
    print(f"{target} written")
    for frames, each in differences.items():
        print(f"largest differences from {source} on {frames}: {describe(each)}")


def compress(
    source: str,
    target: str,
    *,
    step: float = 0.01,
    extrapolate: float = 5.0,
    check_frequency: int = -1,
    training_script: str | None = None,
) -> dict[str, dict[str, Difference]]:
    """Writes a model with a table for each embedding net of one number, and compares it with the model itself.

    A file that is not one of `WRITTEN` gets the model as it is, and so does any where tables would be of angles only.

    Parameters
    ----------
    source : str
        Model file or checkpoint of any backend.
    target : str
        File to write, of any kind.
    step : float
        Width of a table's pieces in the range of the data, in the nets' normalised input; ten times that beyond.
    extrapolate : float
        How many times that range the table reaches; further out it goes on linearly.
    check_frequency : int
        Handed on to deepmd-kit.
    training_script : str, optional
        Input file whose data the smallest distance is looked for in, and some of whose frames are compared; None: the
        distance is in the file.

    Returns
    -------
    dict[str, dict[str, Difference]]
        The largest one of each term, ``energy``, ``force``, ..., on `SELF_TEST`, and where there are data on `DATA`.

    Raises
    ------
    InputError
        An option makes no sense, the smallest distance is not known, the model has no net of one number, or the table
        is so coarse that it changes the results by more than `LARGEST`.
    """
    _check(step, extrapolate, check_frequency)
    if Path(target).suffix not in WRITTEN:
        log.info(NO_TABLES, Path(target).suffix, ", ".join(WRITTEN))
        return _write_as_it_is(target, source, training_script)
    reader, writer = backend_of_file(source), backend_of_file(target)
    document = read_with_self_test(source)

    @cache
    def distance() -> float:
        return _smallest_distance(document, reader, source, training_script)

    found = writer.compress_hook(document, lambda: min(distance(), REACH), step, extrapolate, check_frequency)
    if found is document:
        log.info(OF_ANGLES)
        return _write_as_it_is(target, source, training_script)
    found = {**found, "min_nbor_dist": distance()}
    return _write(target, found, source, document, training_script, partial(_refuse_coarse, step=step))


def change_precision(
    source: str, target: str, precision: str, *, training_script: str | None = None
) -> dict[str, dict[str, Difference]]:
    """Writes a model with nets in single precision, and compares it with the model itself.

    Parameters
    ----------
    source : str
        Model file or checkpoint of any backend.
    target : str
        File to write, of any kind.
    precision : str
        One of `deepmd.contract.precision.PARTS`.
    training_script : str, optional
        Input file on some frames of whose data the models are compared too.

    Returns
    -------
    dict[str, dict[str, Difference]]
        As of `compress`.

    Raises
    ------
    InputError
        The model is in this precision already.
    """
    writer = backend_of_file(target)
    document = read_with_self_test(source)
    check_tree(document["model"], writer)
    found = in_precision(document, precision)
    if _types(found) == _types(document):
        raise InputError(f"{source} has these nets in single precision already; there is nothing to gain.")
    return _write(target, found, source, document, training_script)


def _types(document: Document) -> list[np.dtype]:
    return [array.dtype for _, array in walk_arrays(document["model"])]


def _write(
    target: str,
    document: Document,
    source: str,
    original: Document,
    training_script: str | None,
    check: Callable[[dict[str, Difference]], None] = lambda differences: None,
) -> dict[str, dict[str, Difference]]:
    """Writes a model that gives other numbers than its source, by which it is to prove itself from now on."""
    writer = backend_of_file(target)
    with atomic_path(target) as temporary:
        writer.deserialize_hook(str(temporary), document)
        with closing(writer.deep_eval(str(temporary))) as model:
            differences = {SELF_TEST: verify(model, original, tolerance=math.inf)}
            document = {**document, "self_test": make_self_test(model)}
        check(differences[SELF_TEST])
        if training_script:
            systems = systems_of_input(training_script, "training_data")
            differences[DATA] = differences_on_data(source, str(temporary), systems)
            check(differences[DATA])
        writer.deserialize_hook(str(temporary), document)
    return differences


def _write_as_it_is(target: str, source: str, training_script: str | None) -> dict[str, dict[str, Difference]]:
    systems = systems_of_input(training_script, "training_data") if training_script else []
    differences = {SELF_TEST: convert(source, target)}
    return {**differences, DATA: differences_on_data(source, target, systems)} if systems else differences


def _ending_like(source: str) -> str:
    """The ending of a model file beside this one; of a checkpoint, that of its backend's model files."""
    suffix, own = Path(source).suffix, backend_of_file(source).suffixes
    return suffix if suffix in own else own[0]


def _check(step: float, extrapolate: float, check_frequency: int) -> None:
    if not 1e-4 <= step <= 1.0:
        raise InputError(f"--step is {step}, expected 0.0001 to 1; 0.01 is usual.")
    if not 1.0 <= extrapolate <= 1000.0:
        raise InputError(f"--extrapolate is {extrapolate}, expected 1 to 1000; 5 is usual.")
    if not -1 <= check_frequency <= 10**9:
        raise InputError(f"--frequency is {check_frequency}, expected a number of evaluations, or -1: never.")


def _smallest_distance(document: Document, reader: Backend, source: str, training_script: str | None) -> float:
    """Of two atoms in the training data [Å]: from the input's data, or as noted in the model."""
    if training_script is None:
        noted = document.get("min_nbor_dist", document.get("@variables", {}).get("min_nbor_dist"))
        if not isinstance(noted, int | float | np.ndarray | np.generic) or not 0.0 < float(noted) < math.inf:
            raise InputError(
                f"{source} does not say how close two atoms of its training data come; give the input file with -t."
            )
        return float(noted)
    type_map = type_map_of(document["model"]) or []
    with closing(open_model(source)) as model:
        rcut, masked = model.get_rcut(), model.takes_mask()
    names = systems_of_input(training_script, "training_data")
    systems = [System(name, type_map, [MASK] if masked else []) for name in names]
    found = neighbor_statistics(systems, rcut, len(type_map), reader.neighbor_stat, masked=masked)
    if math.isinf(found.min_distance):
        raise InputError(f"no two atoms in the data of {training_script} are within the cut-off of {rcut:g} Å.")
    log.info("smallest distance in the data: %.4f Å.", found.min_distance)
    return found.min_distance


def _refuse_coarse(differences: dict[str, Difference], step: float) -> None:
    """Raises InputError where a table changes a result by too much."""
    worst = max(difference.value for difference in differences.values())
    if worst > LARGEST:
        # the polynomials miss a derivative by a constant times the fifth power of the step
        advice = step * (LARGEST / worst) ** 0.2
        raise InputError(
            f"with --step {step:g} the results change by {worst:.1e}, more than {LARGEST:g} (eV, eV/Å, ...); "
            f"use --step {float(f'{0.8 * advice:.1g}'):g}."
        )
