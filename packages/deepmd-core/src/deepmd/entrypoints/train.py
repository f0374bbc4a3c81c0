# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp train`: trains a model as an input file says."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.backend.discovery import refuse_model, training_backend
from deepmd.plot.lcurve import plot_lcurve
from deepmd.plot.style import check_can_draw
from deepmd.schema import read_input, write_input
from deepmd.train.checkpoint import find_checkpoint
from deepmd.train.run import check_training_outputs, run_training

if TYPE_CHECKING:
    from argparse import Namespace

    from deepmd.backend import Backend
    from deepmd.train.loop import TrainingResult

log = logging.getLogger(__name__)

MODERNIZED = "input_v2_compat.json"
"""Where an input of an old form is written in today's, as deepmd-kit does."""


def run(args: Namespace) -> None:
    """Runs the sub-command; after a signal the process ends with 128 + its number, as shells expect."""
    if args.finetune:
        log.info("--finetune: the parameters of %s are taken; its energies of atoms are not shifted.", args.finetune)
    result = train(
        args.INPUT,
        backend=args.backend,
        init_model=args.init_model or args.init_frz_model or args.finetune,
        restart=args.restart,
        output=args.output,
        skip_neighbor_stat=args.skip_neighbor_stat,
        plot=args.plot,
    )
    if result.signal is not None:
        sys.exit(128 + result.signal)


def train(
    input_file: str | Path,
    *,
    backend: str | None = None,
    init_model: str | None = None,
    restart: str | None = None,
    output: str = "out.json",
    skip_neighbor_stat: bool = False,
    plot: bool = False,
) -> TrainingResult:
    """Trains a model and logs a short summary.

    Parameters
    ----------
    input_file : str or Path
        JSON or YAML; relative paths in it start from the working directory.
    backend : str, optional
        Flag of the backend; default: what `training_backend` chooses.
    init_model : str, optional
        Checkpoint or model file to start from, of any backend.
    restart : str, optional
        Checkpoint to go on from, of any backend.
    output : str
        Where the input is written with all its defaults.
    skip_neighbor_stat : bool
        Leave out the look at the neighbors in the data.
    plot : bool
        Whether to draw the learning curve at the end.
    """
    refuse_model(input_file)
    modern, config, is_old = read_input(input_file)
    chosen = training_backend(backend, restart or init_model)
    chosen.import_framework()
    curve = Path(config["training"]["disp_file"])
    picture = curve.with_suffix(".png") if curve.name else curve
    outputs: list[str | Path] = [output, *([picture] if plot else []), *([MODERNIZED] if is_old else [])]
    check_training_outputs(config["training"], chosen, outputs, [input_file, restart, init_model])
    if is_old:
        write_input(MODERNIZED, modern)
        log.info("the input in today's form is written to %s.", MODERNIZED)
    if plot:
        # a missing matplotlib is told now, not after the training
        check_can_draw(picture)
    result = run_training(
        config,
        chosen,
        restart=find_checkpoint(restart, chosen.checkpoint_suffix) if restart else None,
        init_model=find_checkpoint(init_model, chosen.checkpoint_suffix) if init_model else None,
        skip_neighbor_stat=skip_neighbor_stat,
        output=output,
    )
    _log_summary(result, str(input_file), chosen)
    if plot and result.steps_run and config["training"]["disp_training"]:
        plot_lcurve(curve, picture)
        log.info("learning curve drawn: %s", picture)
    return result


def _log_summary(result: TrainingResult, input_file: str, backend: Backend) -> None:
    flag = backend.flags[0]
    if result.steps_run:
        rate = result.steps_run / result.seconds
        time = timedelta(seconds=round(result.seconds))
        log.info("%d steps in %s (%.1f steps/s).", result.steps_run, time, rate)
    else:
        log.info("nothing to train: the checkpoint has all %d steps; raise training/numb_steps to go on.", result.step)
    if result.signal is not None:
        log.warning("stopped by %s after step %d; checkpoint: %s", result.signal.name, result.step, result.checkpoint)
        log.warning("go on with: dp --%s train %s --restart %s", flag, input_file, result.checkpoint)
    elif result.checkpoint is not None:
        log.info("next: dp --%s freeze -c %s", flag, result.checkpoint)
