# SPDX-License-Identifier: LGPL-3.0-or-later
"""Finding the installed backends: entry points of the group ``deepmd.backend``.

A third party's backend is found like ours. Only `get_backend` and `backend_of_file`, whose results are about to be
used, import a framework.
"""

from __future__ import annotations

import json
import logging
import os
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.backend.known import known_backend, known_reader
from deepmd.errors import BackendError, InputError, ModelFileError, last_line
from deepmd.files.overwrite import check_outputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.backend.backend import Backend

GROUP = "deepmd.backend"
TRAINERS = ("tf", "pt", "jax", "pd")
"""Which one trains where none is asked for: the first that is installed. Without a flag deepmd-kit takes TensorFlow,
and scripts that give none expect its files."""
INPUTS = (".json", ".yaml", ".yml")
"""Endings of models that inputs have too."""

log = logging.getLogger(__name__)


@cache
def registered_flags() -> tuple[str, ...]:
    """The flags of all registered backends; their packages are not imported."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def registered_packages() -> tuple[str, ...]:
    """The import names of the packages that registered them."""
    return tuple(sorted({point.value.split(":")[0].split(".")[0] for point in entry_points(group=GROUP)}))


@cache
def _load_all() -> tuple[dict[str, Backend], dict[str, str]]:
    """The backends that load, and the reasons of those that do not, by flag."""
    loaded, broken = {}, {}
    for point in sorted(entry_points(group=GROUP)):
        try:
            loaded[point.name] = point.load()()
        # whatever a foreign package raises on import, the others must stay usable
        except Exception as error:
            broken[point.name] = last_line(error)
    return loaded, broken


def installed_backends() -> dict[str, Backend]:
    """The registered backends whose packages load, by flag; their frameworks may still be missing."""
    return dict(_load_all()[0])


def broken_backends() -> dict[str, str]:
    """The registered backends whose packages fail to load, by flag, each with the reason."""
    return dict(_load_all()[1])


def get_backend(flag: str) -> Backend:
    """The backend of this name, ready for use: its framework is imported.

    Parameters
    ----------
    flag : str
        One of its names: ``pt``, ``pytorch``, ….

    Raises
    ------
    BackendError
        Where it is not installed (says what to install), or it or its framework fails to import (says why).
    """
    backend = find_backend(flag)
    backend.import_framework()
    return backend


def find_backend(flag: str) -> Backend:
    """The backend of this name, its framework untouched.

    Raises
    ------
    BackendError
        Where its package is not installed or fails to import.
    """
    known = known_backend(flag)
    name = known.flags[0] if known else flag
    loaded, broken = _load_all()
    if name in broken:
        raise BackendError(f"the backend {flag!r} is installed but fails to import: {broken[name]}")
    for key, backend in loaded.items():
        if name == key or flag in backend.flags:
            return backend
    if known:
        raise BackendError(f"the backend {known.name} is not installed: `pip install {known.distribution}`.")
    raise BackendError(f"there is no backend {flag!r}; installed: {', '.join(loaded) or 'none'} (see `dp backends`).")


def backend_of_file(path: str | Path) -> Backend:
    """The backend that reads a model or checkpoint file, found by the file's ending, ready for use.

    Raises
    ------
    BackendError
        Where no installed backend reads such files (says what to install if a known one does),
        or its framework fails to import.
    ModelFileError
        None does, and it is the input of a training, or a folder.
    """
    suffix = Path(path).suffix
    for backend in installed_backends().values():
        if suffix and backend.reads(suffix):
            backend.import_framework()
            return backend
    refuse_input(path)
    known = known_reader(suffix)
    if known:
        remedy = f"`pip install {known.distribution}`"
        raise BackendError(f"{path} is a file of {known.name}, which is not installed: {remedy}.")
    if Path(path).is_dir():
        raise ModelFileError(f"{path} is a folder; give the model file in it.")
    endings = sorted(suffix for backend in installed_backends().values() for suffix in backend.suffixes)
    raise BackendError(
        f"{path}: no installed backend reads files that end in {suffix or 'nothing'!r}; "
        f"known endings: {', '.join(endings) or 'none, install a backend, e.g. `pip install deepmd-pt`'}."
    )


def training_backend(flag: str | None = None, checkpoint: str | None = None) -> Backend:
    """The backend to train with, its framework untouched; the log says which one and why.

    Parameters
    ----------
    flag : str or None
        The one asked for. None: ``DP_BACKEND`` where it is set, else that of the checkpoint, else the first of
        `TRAINERS` that is installed.
    checkpoint : str or None
        The file that the training goes on from.

    Raises
    ------
    BackendError
        None trains, or the one asked for does not, is not installed, or its package fails to import.
    """
    name, reason = flag or os.environ.get("DP_BACKEND"), "asked for"
    if not name:
        name, reason = _trainer_of(checkpoint), f"whose checkpoint {checkpoint} is"
    if not name:
        name, reason = _first_trainer()
    backend = find_backend(name)
    if backend.Feature.ENTRY_POINT not in backend.features:
        able = " or ".join(f"--{key}" for key in _trainers()) or "another one, such as that of `pip install deepmd-pt`"
        raise BackendError(f"{backend.name} ({reason}) trains no models; take {able}.")
    log.info("backend: %s (%s).", backend.name, reason)
    return backend


def _trainers() -> list[str]:
    """The flags of the installed backends that train, in the order of preference."""
    able = [
        key
        for key, backend in installed_backends().items()
        if backend.Feature.ENTRY_POINT in backend.features and backend.is_available()
    ]
    return sorted(able, key=lambda key: (TRAINERS.index(key) if key in TRAINERS else len(TRAINERS), key))


def _trainer_of(checkpoint: str | None) -> str | None:
    """The backend whose checkpoint a file is by its ending."""
    suffix = Path(checkpoint).suffix if checkpoint else None
    backends = installed_backends()
    return next((key for key in _trainers() if suffix and backends[key].checkpoint_suffix == suffix), None)


def _first_trainer() -> tuple[str, str]:
    """The backend that trains where none is asked for, and why."""
    able = _trainers()
    if not able:
        raise BackendError("no installed backend trains models: `pip install deepmd-pt`.")
    if len(able) == 1:
        return able[0], "the only one installed that trains"
    return able[0], f"the first of {', '.join(able)}; another by `dp --{able[1]} train` or DP_BACKEND={able[1]}"


def neighbor_search(flag: str | None = None) -> Callable[..., Any]:
    """The ``neighbor_stat`` of the backend asked for, or of the first installed one that has it.

    Raises
    ------
    BackendError
        There is none.
    """
    if flag:
        return get_backend(flag).neighbor_stat
    for backend in installed_backends().values():
        if backend.Feature.NEIGHBOR_STAT in backend.features and backend.is_available():
            return backend.neighbor_stat
    raise BackendError("no installed backend searches neighbors: `pip install deepmd-dp`.")


def complete_model_name(name: str, flag: str | None = None) -> str:
    """The file meant by a model's name that may lack its ending: ``frozen_model`` for ``frozen_model.pth``.

    The endings of the backend asked for are tried first, then those of the other installed ones.

    Raises
    ------
    BackendError
        Where the backend asked for is not installed.
    """
    if Path(name).exists():
        return name
    backends = [find_backend(flag)] if flag else list(installed_backends().values())
    for backend in backends:
        for suffix in backend.suffixes:
            if Path(name + suffix).exists():
                return name + suffix
    return name


def check_flag(path: str, flag: str | None) -> None:
    """Refuses a model file of another backend than the one asked for.

    Raises
    ------
    InputError
        The files of the backend do not end so.
    ModelFileError
        Nor is it a model: it is the input of a training.
    BackendError
        The backend asked for is not installed.
    """
    if flag is None:
        return
    backend, suffix = find_backend(flag), Path(path).suffix
    if suffix and not backend.reads(suffix):
        refuse_input(path)
        raise InputError(
            f"{path} is no file of {backend.name}, which {flag!r} asks for (it reads {', '.join(backend.suffixes)}); "
            "leave the flag out, or convert the file by `dp convert-backend`."
        )


def model_to_read(name: str, flag: str | None = None) -> str:
    """The file meant by a model's name, as `complete_model_name` says, which must be there.

    Raises
    ------
    ModelFileError
        It is not.
    """
    path = complete_model_name(name, flag)
    if not Path(path).exists():
        raise ModelFileError(f"{path}: there is no such model file.")
    check_whole(path)
    return path


def check_whole(path: str | Path) -> None:
    """Raises ModelFileError where a file that belongs to this model or checkpoint file is missing."""
    for backend in installed_backends().values():
        for ending, others in backend.companion_suffixes.items():
            if Path(path).suffix not in (ending, *others):
                continue
            names = [Path(path).with_suffix(each) for each in (ending, *others)]
            missing = [str(name) for name in names if not name.exists()]
            if missing:
                refuse_input(path)
                raise ModelFileError(
                    f"{path} needs {' and '.join(missing)} beside it, which is not there; copy all its files."
                )


def refuse_input(path: str | Path) -> None:
    """Raises ModelFileError where what is given for a model is the input of a training."""
    if _is_input(Path(path)):
        raise ModelFileError(
            f"{path} is the input of a training; `dp train {path}` and then `dp freeze` make a model of it."
        )


def refuse_model(path: str | Path) -> None:
    """Raises InputError where what is given for the input of a training is a model by its ending."""
    suffix = Path(path).suffix
    reads = any(suffix and backend.reads(suffix) for backend in installed_backends().values())
    if suffix not in INPUTS and (reads or known_reader(suffix)) and Path(path).exists():
        raise InputError(
            f"{path} is a model file by its ending; give an input file, JSON or YAML, and to start from this model "
            f"`--init-model {path}`."
        )


def _is_input(path: Path) -> bool:
    """Whether it is the input of a training, which may have the ending of a model."""
    try:
        with path.open("rb") as file:
            if not file.read(256).lstrip().startswith(b"{"):
                return False
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"model", "training"} <= content.keys()


def model_to_write(name: str, suffix: str, source: str) -> str:
    """The file meant by the name of a model to write; without a known ending it gets `suffix`.

    Raises
    ------
    InputError
        The name is a folder's, or an ending alone, or that of the model that is read.
    """
    path = Path(name)
    if name.endswith(os.sep) or (path.is_dir() and not _has_known_ending(path)):
        raise InputError(f"{name} is a folder; give the name of a file, such as {path / f'model{suffix}'}.")
    if not path.name or (not path.suffix and _has_known_ending(Path(f"model{path.name}"))):
        raise InputError(f"{name!r} is no name of a model file; give one such as model{suffix}.")
    if not _has_known_ending(path):
        path = path.with_name(path.name + suffix)
    _refuse_checkpoint(path)
    if path.exists() and path.samefile(source):
        raise InputError(f"{path} is the model that is read; give another name.")
    check_outputs([path])
    return str(path)


def _refuse_checkpoint(path: Path) -> None:
    for backend in installed_backends().values():
        of_checkpoints = {
            backend.checkpoint_suffix,
            *backend.companion_suffixes.get(backend.checkpoint_suffix or "", ()),
        }
        if path.suffix in of_checkpoints:
            written = " or ".join(each for each in backend.suffixes if each not in of_checkpoints)
            raise InputError(
                f"{path}: {path.suffix} is the ending of training checkpoints; {backend.name} models are written as "
                f"{written}."
            )


def _has_known_ending(path: Path) -> bool:
    """Whether it is one of a backend's model files, installed or not."""
    return known_reader(path.suffix) is not None or any(
        path.suffix in backend.suffixes for backend in installed_backends().values()
    )
