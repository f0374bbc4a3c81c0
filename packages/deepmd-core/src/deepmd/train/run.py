# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training from its input: data, model, loop."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.backend.model_files import read_model, read_state
from deepmd.check import Distances, Report, check_data
from deepmd.data import TrainingData
from deepmd.elements import sort_elements
from deepmd.errors import InputError
from deepmd.files.overwrite import check_outputs_of_new_folders
from deepmd.files.reading import reading
from deepmd.registry import check_backend, check_new, label_sets, spin_scales
from deepmd.schema.load import write_input
from deepmd.train.backup import set_aside
from deepmd.train.checkpoint import CheckpointStore
from deepmd.train.display import make_display
from deepmd.train.folder_lock import only_training_in
from deepmd.train.header import say_header
from deepmd.train.labels import check_labels, say_missing_labels
from deepmd.train.lcurve import LearningCurve
from deepmd.train.loop import TrainingLoop, TrainingResult
from deepmd.train.model_section import join_sections
from deepmd.train.schedule import learning_rate
from deepmd.train.sel import check_sel_is_settled, largest_cutoff, settle_sel
from deepmd.train.trainer import TrainingState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.aliases import Section
    from deepmd.backend import Backend
    from deepmd.data import Batch, DataRequirement
    from deepmd.train.trainer import Trainer

log = logging.getLogger(__name__)


def run_training(
    config: Section,
    backend: Backend,
    *,
    restart: Path | None = None,
    init_model: Path | None = None,
    skip_neighbor_stat: bool = False,
    output: str | None = "out.json",
    terminal: bool | None = None,
) -> TrainingResult:
    """Trains a model.

    Parameters
    ----------
    config : dict
        The normalised input. Filled in here: ``sel`` where it is ``auto``, ``training/seed`` where there is none,
        ``training/numb_steps`` where epochs are given.
    backend : Backend
        The framework that trains.
    restart : Path, optional
        Checkpoint of any backend to go on from: model, optimiser, step and order of the data.
    init_model : Path, optional
        Checkpoint or model file of any backend to take the model from, at step 0.
    skip_neighbor_stat : bool
        Leave out the look at the neighbors in the data.
    output : str, optional
        Where the input is written with all that was filled in.
    terminal : bool, optional
        Whether a progress bar is shown; None: where standard error is a terminal.

    Raises
    ------
    InputError, DataError, ModelFileError, TrainingError
    """
    training, store = config["training"], _open_store(config["training"], backend)
    # before the data are looked at, which may take long
    with only_training_in([store.prefix.parent, Path(training["disp_file"]).parent]):
        state = _first_state(restart, init_model)
        config["model"] = _model_section(config["model"], state)
        _check_parts(config, backend)
        training["seed"] = _seed(training.get("seed"), saved := state.loop if state else {})
        data, validation = _open_data(config, saved)
        numb_steps = training["numb_steps"] = _numb_steps(training, data)
        rate = learning_rate(config["learning_rate"], numb_steps)
        if state is None:
            min_nbor_dist, distances = _look_at_neighbors(config, backend, data, skip_neighbor_stat)
            _record_types(config["model"], data)
        else:
            min_nbor_dist, distances = state.model.get("min_nbor_dist"), None
        trainer = _make_trainer(config, backend, data, state, restart or init_model)
        _require(trainer, data, validation)
        report = _check_data(data, validation, distances) if restart is None else None
        _begin_files(config, store, output, is_restart=restart is not None)
        start = state.step if state else 0
        say_header(trainer, backend, data, report, rate, (start, numb_steps), saved)
        display = make_display(start, numb_steps, training.get("time_training", True), terminal)
        with LearningCurve(training["disp_file"], start if restart else None) as curve:
            parts = trainer, data, validation, rate, training, store, curve, display
            return TrainingLoop(*parts, start, numb_steps, min_nbor_dist, saved).run()


def _begin_files(config: Section, store: CheckpointStore, output: str | None, is_restart: bool) -> None:
    """Keeps those of a training before in the same place, and writes the input with its defaults."""
    if not is_restart:
        # the one in the working directory may name another training's
        files = [*store.files(), Path(config["training"]["disp_file"]), store.pointers[0]]
        set_aside(files, "a training before has left files here")
    if output:
        write_input(output, config)


def check_training_outputs(
    training: Section, backend: Backend, outputs: list[str | Path], inputs: list[str | Path | None]
) -> None:
    """Raises where a file of a training can't be written, or is one that it reads.

    Parameters
    ----------
    training : dict
        The section of the input.
    backend : Backend
        It trains.
    outputs : list of str or Path
        Further files that are written.
    inputs : list of str or Path or None
        Files that are read beside the data.
    """
    sections = (training["training_data"], training.get("validation_data") or {})
    systems = [each.get("systems") or [] for each in sections]
    data = [name for names in systems for name in ([names] if isinstance(names, str) else names)]
    if not Path(training["save_ckpt"]).name:
        raise InputError(f"training/save_ckpt is {training['save_ckpt']!r}, expected a name such as model.ckpt.")
    check_outputs_of_new_folders([*outputs, training["disp_file"]], [*inputs, *data])
    # a restart's checkpoint may be the link to the newest
    store = _open_store(training, backend)
    check_outputs_of_new_folders([*outputs, training["disp_file"], store.link, *store.pointers], [inputs[0], *data])


def _require(trainer: Trainer, data: TrainingData, validation: TrainingData | None) -> None:
    """Tells the data what the trainer needs, and checks that it is there."""
    for part in (data, validation):
        if part is not None:
            part.require(trainer.requirements)
            part.check()
    check_labels(data.systems, trainer.label_sets)
    if validation is not None:
        say_missing_labels(validation.systems, trainer.label_sets)


def _open_store(training: Section, backend: Backend) -> CheckpointStore:
    """Where the checkpoints go."""
    suffix = backend.checkpoint_suffix
    assert suffix is not None, f"{backend.name} trains, so that its checkpoints have an ending"
    companions = backend.companion_suffixes.get(suffix, ())
    return CheckpointStore(training["save_ckpt"], suffix, training["max_ckpt_keep"], companions)


def _first_state(restart: Path | None, init_model: Path | None) -> TrainingState | None:
    if restart is not None:
        return read_state(restart)
    if init_model is not None:
        return TrainingState(model=read_model(init_model), optimizer={})
    return None


def _model_section(given: Section, state: TrainingState | None) -> Section:
    """That of the input, joined with the model that is gone on with."""
    if state is not None:
        return join_sections(given, state.model)
    check_new(given)
    return given


def _check_parts(config: Section, backend: Backend) -> None:
    """Raises where the framework can't do the model, the loss compares something else than what it gives, or the
    schedule is wrong; with epochs the data tell how many steps it has."""
    check_backend(config["model"], backend)
    label_sets(config)
    if config["training"].get("numb_epoch") is None:
        learning_rate(config["learning_rate"], int(config["training"]["numb_steps"]))


def _seed(given: int | None, saved: dict[str, Any]) -> int:
    """The saved seed goes first, so that a restart draws the same data."""
    if "data" in saved:
        return int(saved["data"]["seed"])
    return secrets.randbits(31) if given is None else given


def _open_data(config: Section, saved: dict[str, Any]) -> tuple[TrainingData, TrainingData | None]:
    training, type_map = config["training"], config["model"]["type_map"]
    scales = spin_scales(config["model"])
    data = TrainingData(training["training_data"], type_map, seed=training["seed"], virtual_scale=scales)
    log.info("%s", data.summary("training"))
    validation = None
    if training.get("validation_data"):
        # its own seed: the same folder may serve for both
        seed = training["seed"] + 1
        validation = TrainingData(training["validation_data"], type_map, seed=seed, virtual_scale=scales)
        log.info("%s", validation.summary("validation"))
    if "data" in saved:
        data.restore(saved["data"])
    if validation and "validation" in saved:
        validation.restore(saved["validation"])
    return data, validation


def _look_at_neighbors(
    config: Section, backend: Backend, data: TrainingData, skip: bool
) -> tuple[float | None, Distances | None]:
    """The smallest distance [Å], and the shortest of each two elements."""
    if skip:
        check_sel_is_settled(config["model"])
        return None, None
    distances = Distances(largest_cutoff(config["model"]) or 0.0)
    return settle_sel(config["model"], data.systems, backend.neighbor_stat, distances), distances


def _check_data(data: TrainingData, validation: TrainingData | None, distances: Distances | None) -> Report:
    """Says what the data can't be; labels that are missing and names are said where they are read."""
    names = [data.systems[0].type_map] * len(data.systems)
    report = check_data(data.systems, names, validation.systems if validation else None, distances)
    for finding in report.findings:
        log.warning("%s", finding.message)
    return report


def _numb_steps(training: Section, data: TrainingData) -> int:
    epochs: float | None = training.pop("numb_epoch", None)
    return int(training["numb_steps"]) if epochs is None else data.steps_of_epochs(epochs)


def _make_trainer(
    config: Section, backend: Backend, data: TrainingData, state: TrainingState | None, source: Path | None
) -> Trainer:
    if state is not None and source is not None:
        with reading(source):
            return backend.trainer.from_state(config, state)
    nbatches = config["model"].get("data_stat_nbatch", 10)

    def frames(labels: list[DataRequirement]) -> Iterator[Batch]:
        data.require(labels)
        return data.statistics_batches(nbatches)

    return backend.trainer.from_input(config, frames)


def _record_types(model: Section, data: TrainingData) -> None:
    """Writes the elements of the data into the model section, which goes into model files; those given stay."""
    info = model.setdefault("info", {})
    info.setdefault("observed_type", sort_elements(data.observed_types()))
