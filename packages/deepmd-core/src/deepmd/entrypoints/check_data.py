# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp check-data`: whether data can be what they are meant to be."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.backend.discovery import neighbor_search
from deepmd.charge_spin import CHARGE_SPIN, problem_of
from deepmd.check import Distances, Finding, Report, check_data
from deepmd.check.structure import INPUTS, labels, unnamed_types, wanted_labels
from deepmd.data import DataRequirement, System, find_systems
from deepmd.data.mask import MASK
from deepmd.data.neighbor_statistics import statistics_of_frames
from deepmd.errors import BackendError, DataError, InputError
from deepmd.registry import label_sets
from deepmd.schema import load_input, modernize, normalize
from deepmd.train.sel import largest_cutoff

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

log = logging.getLogger(__name__)

INPUT_ENDINGS = (".json", ".yaml", ".yml")
RCUT = 6.0
"""[Å] Where no input tells one: deepmd-kit's default."""
LABELS = (DataRequirement("energy", 1), DataRequirement("force", 3, atomic=True))
OTHERS = (
    DataRequirement("virial", 9),
    DataRequirement("spin", 3, atomic=True),
    DataRequirement("force_mag", 3, atomic=True),
    DataRequirement("hessian", 9, atomic=True, of_pairs=True),
    DataRequirement(CHARGE_SPIN, 2, problem=problem_of),
)
"""Items of one meaning, whose shapes and numbers are looked at where they are there."""
MOST_PAIRS = 10
"""Pairs of elements whose distances are shown."""


@dataclass
class Sources:
    """Which data are meant.

    Attributes
    ----------
    rcut : float
        Cut-off radius [Å].
    training, validation : list of str
        Names of systems.
    type_map : list of str or None
        Of the input, for systems without ``type_map.raw``.
    all_types : list of str or None
        Names beyond which there are no types, where that is known.
    label_sets : tuple of tuple of str
        `Row.label_sets` of the input's loss.
    parameters : list of DataRequirement
        Frame and atomic parameters of the input's model.
    """

    rcut: float
    training: list[str] = field(default_factory=list)
    validation: list[str] = field(default_factory=list)
    type_map: list[str] | None = None
    all_types: list[str] | None = None
    label_sets: tuple[tuple[str, ...], ...] = ()
    parameters: list[DataRequirement] = field(default_factory=list)


def run(args: argparse.Namespace) -> None:
    """Runs the sub-command.

    Raises
    ------
    DataError
        Data can't be trained on; with ``--strict`` also if anything was found.
    """
    findings = run_checks(args.PATH, backend=args.backend)
    for finding in findings:
        log.log(logging.ERROR if finding.is_error or args.strict else logging.WARNING, "%s", finding.message)
    errors = sum(finding.is_error or args.strict for finding in findings)
    if errors:
        raise DataError(f"{errors} thing(s) to mend in the data{', by --strict' if args.strict else ''}: see above.")
    log.info("%d warning(s)." if findings else "nothing to complain of.", *([len(findings)] if findings else []))


def run_checks(paths: Sequence[str], *, backend: str | None = None) -> list[Finding]:
    """Checks the data of inputs and systems, logs what they are, and gives what is wrong.

    Parameters
    ----------
    paths : sequence of str
        Input files, and whatever the key ``systems`` may name.
    backend : str, optional
        Flag of the backend that searches neighbors; None: any installed one that can.
    """
    sources = _sources(paths)
    findings: list[Finding] = []
    wanted = [*LABELS, *OTHERS, *sources.parameters]
    training = list(_open(sources.training, wanted, findings))
    validation = list(_open(sources.validation, wanted, findings))
    if not training:
        return findings
    names = [_names(system, sources.type_map) for system in training]
    distances = _distances(training, names, sources, backend)
    report = check_data(training, names, validation, distances)
    findings += unnamed_types([*training, *validation], sources.type_map)
    findings += _unknown_elements(training, names, sources.all_types)
    findings += labels(training)
    findings += wanted_labels(training, sources.label_sets)
    _say(training, names, distances, report)
    return findings + report.findings


def _sources(paths: Sequence[str]) -> Sources:
    found = Sources(rcut=RCUT)
    for path in paths:
        if not path.lower().endswith(INPUT_ENDINGS):
            found.training += find_systems(path)
            continue
        config = modernize(load_input(path))
        training, model = config.get("training", {}), config.get("model", {})
        for section, names in (("training_data", found.training), ("validation_data", found.validation)):
            data = training.get(section) or {}
            if data.get("systems"):
                names += find_systems(data["systems"], data.get("rglob_patterns"))
        # deepmd-kit's models of spins have more types than names
        found.all_types = None if "spin" in model else model.get("type_map")
        found.type_map = model.get("type_map")
        try:
            complete = normalize(config)
        except InputError as error:
            log.warning("%s can't be trained with, so that the labels of its loss are not looked at: %s", path, error)
            found.rcut = max(_numbers(model, "rcut"), default=RCUT)
        else:
            found.label_sets, found.rcut = label_sets(complete), largest_cutoff(complete["model"]) or RCUT
            found.parameters += _parameters(complete["model"])
    if not found.training:
        raise InputError(f"{', '.join(paths)}: no training/training_data/systems to check.")
    return found


def _parameters(model: dict[str, Any]) -> list[DataRequirement]:
    """What the fittings of a normalised model take beside the atoms, where all take the same."""
    found = []
    for key, is_atomic in (("fparam", False), ("aparam", True)):
        widths = {int(number) for number in _numbers(model, f"numb_{key}")} - {0}
        if len(widths) == 1:
            found.append(DataRequirement(key, widths.pop(), atomic=is_atomic))
    return [MASK] if any(_numbers(model, "use_aparam_as_mask")) else found


def _numbers(section: Any, key: str) -> Iterator[float]:
    """All numbers with this key in a tree."""
    for name, value in section.items() if isinstance(section, dict) else enumerate(section):
        if isinstance(value, dict | list):
            yield from _numbers(value, key)
        elif name == key and isinstance(value, int | float):
            yield float(value)


def _open(names: Sequence[str], wanted: list[DataRequirement], findings: list[Finding]) -> Iterator[System]:
    """The systems that can be read; what is wrong with others is noted."""
    for name in names:
        try:
            system = System(name, requirements=wanted)
            system.check()
            system.frames_of_epoch()
        except DataError as error:
            findings.append(Finding("damage", str(error), is_error=True))
        else:
            yield system


def _names(system: System, type_map: list[str] | None) -> list[str]:
    """The elements of a system's types."""
    known = type_map or []
    if system.source.has("type_map.raw"):
        return system.type_map
    return [*known, *system.type_map[len(known) :]]


def _distances(
    systems: list[System], names: list[list[str]], sources: Sources, backend: str | None
) -> Distances | None:
    try:
        search = neighbor_search(backend)
    except BackendError as error:
        log.warning("distances are not looked at: %s", error)
        return None
    distances, is_masked = Distances(sources.rcut), MASK in sources.parameters
    own = {system.name: names_of for system, names_of in zip(systems, names, strict=True)}
    for found in statistics_of_frames(systems, sources.rcut, search, masked=is_masked):
        distances.add(found, own[found.system.name])
    return distances


def _unknown_elements(systems: list[System], names: list[list[str]], type_map: list[str] | None) -> Iterator[Finding]:
    """Elements of the data that an input's type map lacks."""
    for system, own in zip(systems, names, strict=True):
        used = [
            name for name, count in zip(own, system.numbers_of_types()[0].sum(axis=0).tolist(), strict=True) if count
        ]
        lacking = [name for name in used if name not in type_map] if type_map else []
        if lacking:
            yield Finding(
                "names",
                f"system {system.name} has {', '.join(lacking)}, which model/type_map "
                f"({' '.join(type_map or [])}) lacks: add to it or leave the system out.",
                is_error=True,
            )


def _labels(systems: list[System]) -> Iterator[str]:
    """The labels that there are, and where only some systems have one in how many."""
    counts = Counter(item for system in systems for item in sorted(system.items() - INPUTS))
    for label, count in counts.items():
        yield label if count == len(systems) else f"{label} (in {count} of {len(systems)} systems)"


def _say(systems: list[System], names: list[list[str]], distances: Distances | None, report: Report) -> None:
    """What the data are."""
    counts = Counter[frozenset[tuple[str, int]]]()
    for system, own in zip(systems, names, strict=True):
        numbers, frames = system.numbers_of_types()
        for row, nframes in zip(numbers.tolist(), np.bincount(frames).tolist(), strict=True):
            counts[frozenset(pair for pair in zip(own, row, strict=True) if pair[1])] += nframes
    kinds = {system.pbc for system in systems}
    boundaries = "some periodic" if len(kinds) > 1 else "periodic" if kinds == {True} else "open boundaries"
    log.info("%d system(s), %d frames, %d composition(s), %s.", len(systems), counts.total(), len(counts), boundaries)
    log.info("labels: %s.", ", ".join(_labels(systems)) or "none")
    if distances is not None and distances.shortest:
        shown = sorted(distances.shortest.items(), key=lambda item: item[1].distance)
        text = ", ".join(f"{a}-{b} {each.distance:.3g}" for (a, b), each in shown[:MOST_PAIRS])
        log.info("shortest distances [Å]: %s%s.", text, ", ..." if len(shown) > MOST_PAIRS else "")
    if report.fit is not None:
        log.info(
            "energies: %s eV/atom, rms %.2e eV/atom about a fit by composition.", report.fit.span(), report.fit.rms
        )
    if report.forces.largest:
        log.info("forces: rms %.3g, largest %.3g eV/Å.", report.forces.rms, report.forces.largest)
