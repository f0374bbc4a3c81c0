# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp convert-backend`: writes a model as another backend's file, then lets that file prove itself."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from deepmd.backend.discovery import backend_of_file, model_to_read, model_to_write
from deepmd.backend.model_files import open_model, read_model
from deepmd.contract.self_test import describe, make_self_test, verify
from deepmd.errors import ModelFileError
from deepmd.files import atomic_path
from deepmd.registry import check_tree

if TYPE_CHECKING:
    from argparse import Namespace

    from deepmd.backend.model_files import open_model, read_model
from deepmd.contract.self_test import Difference


def run(args: Namespace) -> None:
    """Converts ``args.INPUT`` to ``args.OUTPUT`` and prints the largest differences of the self-test."""
    source = model_to_read(args.INPUT)
    differences = convert(source, model_to_write(args.OUTPUT, "", source))
    print(f"{args.OUTPUT} gives the numbers of {args.INPUT}; largest differences: {describe(differences)}")


def convert(source: str, target: str) -> dict[str, Difference]:
    """Writes the model of ``source`` to ``target``; the endings pick the backends.

    The target is put in place only when it has reproduced the self-test, which is the one in the source file, and which
    the source's own graph reproduces too, or made with the source's backend where the file has none.

    Returns
    -------
    dict[str, Difference]
        The largest one of each term: ``energy``, ``force``, ...

    Raises
    ------
    ModelFileError
        Where the source cannot be read, or the target gives other numbers.
    BackendError
        Where the target's framework can't do such a model.
    """
    writer = backend_of_file(target)
    document = read_with_self_test(source)
    check_tree(document["model"], writer)
    with atomic_path(target) as temporary:
        writer.deserialize_hook(str(temporary), document)
        with closing(writer.deep_eval(str(temporary))) as model:
            return verify(model, document)


def read_with_self_test(path: str) -> dict[str, Any]:
    """The document of a model file, whose own graph has reproduced its self-test, or made it where there is none.

    Raises
    ------
    ModelFileError
        The graph is not that of the document.
    """
    document = read_model(path)
    with closing(open_model(path)) as model:
        if document.get("self_test") is None:
            return {**document, "self_test": make_self_test(model)}
        try:
            verify(model, document)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
    return document
