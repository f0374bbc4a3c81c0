# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp test`: compares a model with labelled data."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data import System
from deepmd.errors import InputError
from deepmd.files.overwrite import check_outputs
from deepmd.infer import DeepEval, DeepPot
from deepmd.infer.comparison import HESSIAN, Comparison, comparisons
from deepmd.infer.detail_files import DetailFiles, detail_names
from deepmd.infer.evaluator import refuse_unknown
from deepmd.infer.quantities import Error, Pair, add_errors, as_numbers, report
from deepmd.infer.systems import (
    choose_systems,
    eval_arguments,
    iterate_frames,
    naming_frames,
    needed_inputs,
    systems_of_input,
)
from deepmd.plot.parity import ParityData

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from deepmd.infer.quantities import Quantity

    Pairs = dict[str, Pair]

log = logging.getLogger(__name__)

RULE = "# ----------------------------------------------- "


def run(args: argparse.Namespace) -> None:
    """Runs the sub-command."""
    test(
        model=args.model,
        system=args.system,
        datafile=args.datafile,
        train_json=args.train_json,
        valid_json=args.valid_json,
        numb_test=args.numb_test,
        rand_seed=args.rand_seed,
        shuffle_test=args.shuffle_test,
        detail_file=args.detail_file,
        atomic=args.atomic,
        plot=args.plot,
    )


def test(
    *,
    model: str,
    system: str = ".",
    datafile: str | None = None,
    train_json: str | None = None,
    valid_json: str | None = None,
    set_prefix: str | None = None,
    head: str | None = None,
    **options: Any,
) -> dict[str, float]:
    """`run_test` of the systems that the command's flags name, with the arguments that deepmd-kit's function has.

    Parameters
    ----------
    model : str
        Model file.
    system, datafile : str
        Folder that is searched for systems, or a text file that lists them.
    train_json, valid_json : str, optional
        Input file whose training or validation data are taken.
    set_prefix : str, optional
        Without effect.
    head : str, optional
        Must be None.
    **options
        Of `run_test`.
    """
    refuse_unknown({"head": head})
    if train_json:
        systems = systems_of_input(train_json, "training_data")
    elif valid_json:
        systems = systems_of_input(valid_json, "validation_data")
    else:
        systems = choose_systems(system, datafile)
    return run_test(model=model, systems=systems, **options)


def run_test(
    *,
    model: str,
    systems: list[str],
    numb_test: int = 0,
    rand_seed: int | None = None,
    shuffle_test: bool = False,
    detail_file: str | None = None,
    atomic: bool = False,
    plot: str | None = None,
) -> dict[str, float]:
    """Compares a model with labelled data and logs the errors, by system and over all.

    Parameters
    ----------
    model : str
        Model file.
    systems : list of str
        Data systems.
    numb_test : int
        Most frames taken of each system; 0: all.
    rand_seed : int, optional
    shuffle_test : bool
        Whether frames are taken in random order, and its seed.
    detail_file : str, optional
        Prefix of the detail files.
    atomic : bool
        Whether atomic energies are compared too; of tensors, whether those of atoms are compared, not of frames.
    plot : str, optional
        Picture of the predictions against the labels to draw.

    Returns
    -------
    dict[str, float]
        Errors over all systems by deepmd-kit's short keys: ``rmse_ea`` [eV/atom], ``rmse_dipole_n``, …

    Raises
    ------
    DataError, InputError
        A system cannot be read or lacks what the model needs; ``numb_test`` is negative; no system has a label.
    """
    if numb_test < 0:
        raise InputError(f"--numb-test is {numb_test}, expected 0 (all frames) or more.")
    rng = np.random.default_rng(rand_seed) if shuffle_test else None
    with DeepEval(model) as dp:
        compared = comparisons(dp.outputs, atomic, dp.get_type_map(), has_hessian=dp.has_hessian)
        quantities = [quantity for each in compared for quantity in each.quantities]
        picture = ParityData(plot, quantities)
        check_outputs([plot, *detail_names(detail_file, quantities)], [model, *systems])
        errors = []
        with DetailFiles(detail_file, quantities) as details:
            for name in systems:
                batches = _compare(dp, compared, name, numb_test, rng)
                errors.append(_errors_of(batches, partial(details.write, name), picture.add))
                _log_errors(report(errors[-1], [each for each in quantities if each.part_of is None]), compared)
    total = _log_total(errors, compared, quantities)
    picture.draw()
    return as_numbers(total, quantities)


def _errors_of(batches: Iterable[Pairs], *takers: Callable[[Pairs], None]) -> dict[str, Error]:
    """The errors of a system, whose predictions and labels others take too."""
    of_batches = []
    for pairs in batches:
        for take in takers:
            take(pairs)
        of_batches.append({key: Error.of(pair) for key, pair in pairs.items()})
    return add_errors(of_batches)


def _log_total(
    errors: list[dict[str, Error]], compared: list[Comparison], quantities: list[Quantity]
) -> dict[str, Error]:
    """The errors over all systems.

    Raises
    ------
    InputError
        No system has a label.
    """
    total = add_errors(errors)
    log.info("# ----------weighted average of errors----------- ")
    log.info("# number of systems : %d", len(errors))
    if not total:
        raise InputError(f"no system has labels to compare with: {_wanted(compared)}.")
    _log_errors(report(total, quantities), compared)
    return total


def _compare(
    dp: DeepEval, compared: list[Comparison], name: str, numb_test: int, rng: np.random.Generator | None
) -> Iterator[dict[str, Pair]]:
    """Labels of a system beside predictions, one batch after the other."""
    log.info("# ---------------output of dp test--------------- ")
    log.info("# testing system : %s", name)
    labels = [label for each in compared for label in each.labels]
    system = System(name, dp.get_type_map(), [*needed_inputs(dp), *labels], dp.backend.get_virtual_scale())
    frames = _choose_frames(system.nframes, numb_test, rng)
    options = {
        "atomic": any(each.atomic for each in compared),
        "derivatives": any(each.needs_derivatives for each in compared),
    }
    for batch in iterate_frames(system, frames):
        with naming_frames(batch):
            terms = dp.eval_terms(**eval_arguments(batch), **options)
            if batch.found.get(HESSIAN.key) and isinstance(dp, DeepPot):
                terms[HESSIAN.key] = dp.eval_hessian(**eval_arguments(batch))
        yield {key: pair for each in compared for key, pair in each.pair_up(batch, terms).items()}
    log.info("# number of test data : %d ", len(frames))


def _choose_frames(nframes: int, numb_test: int, rng: np.random.Generator | None) -> np.ndarray:
    frames = np.arange(nframes) if rng is None else rng.permutation(nframes)
    return frames[: numb_test or None]


def _log_errors(lines: list[str], compared: list[Comparison]) -> None:
    for line in lines or [f"no labels to compare with: {_wanted(compared)}"]:
        log.info(line)
    log.info(RULE)


def _wanted(compared: list[Comparison]) -> str:
    return " or ".join(each.wanted for each in compared)
