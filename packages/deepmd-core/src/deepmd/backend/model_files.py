# SPDX-License-Identifier: LGPL-3.0-or-later
"""Model files of any backend: each reading of one goes through here, and what is wrong with it names the file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.backend.discovery import backend_of_file, check_whole
from deepmd.contract.document import check_document
from deepmd.contract.schema import LOOP, STATE, check_table
from deepmd.contract.self_test import read_self_test
from deepmd.errors import InputError, ModelFileError
from deepmd.files.near import near_path
from deepmd.files.reading import reading

if TYPE_CHECKING:
    from deepmd.aliases import Document
    from deepmd.backend import Backend
    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import TrainingState


def read_model(path: str | Path) -> Document:
    """The contract's document of a model file or checkpoint, its self-test in shape.

    Raises
    ------
    ModelFileError
        It cannot be read.
    BackendError
        The backend of such files is not installed.
    """
    backend = backend_of_file(path)
    check_whole(path)
    with reading(path):
        document = check_document(backend.serialize_hook(str(path)), str(path))
        if document.get("self_test") is not None:
            read_self_test(document)
    return document


def open_model(path: str | os.PathLike[str], **options: Any) -> DeepEvalBackend:
    """The backend's side of a model file, whose ending picks the backend.

    Raises
    ------
    ModelFileError
        There is no such file, or it cannot be read.
    BackendError
        The backend of such files is not installed.
    InputError
        It is no path.
    """
    try:
        path = os.fspath(path)
    except TypeError:
        raise InputError(f"the model file is {path!r}; expected its path.") from None
    if not os.path.exists(path):
        pretrained = " Pretrained models are not fetched by name: give a file." if path.startswith("DPA") else ""
        raise ModelFileError(f"there is no model file {path} (relative to {os.getcwd()}){near_path(path)}.{pretrained}")
    backend = backend_of_file(path)
    check_whole(path)
    with reading(path):
        return backend.deep_eval(path, **options)


def read_state(path: str | Path) -> TrainingState:
    """What a checkpoint of any installed backend holds, told by its ending.

    Raises
    ------
    ModelFileError
        It cannot be read, or is a model file.
    """
    backend = backend_of_file(path)
    check_whole(path)
    if not _is_checkpoint(path, backend):
        raise ModelFileError(
            f"{path} is a frozen model: it holds neither the optimizer nor the step to go on from; give a checkpoint, "
            f"or train its parameters further from step 0 by --init-model {path}."
        )
    with reading(path):
        state = backend.trainer.read_checkpoint(str(path))
        check_table(vars(state), STATE | {"loop": LOOP}, str(path))
    return state


def _is_checkpoint(path: str | Path, backend: Backend) -> bool:
    ending = backend.checkpoint_suffix
    return ending is not None and Path(path).suffix in (ending, *backend.companion_suffixes.get(ending, ()))
