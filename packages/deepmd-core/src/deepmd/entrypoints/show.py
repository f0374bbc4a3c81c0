# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp show`: tells what is in a model file or checkpoint."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd.backend.discovery import backend_of_file, model_to_read
from deepmd.contract.self_test import describe, verify
from deepmd.contract.summary import model_size, observed_types, serialization_tree
from deepmd.errors import InputError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from deepmd.backend import Backend


class File(NamedTuple):
    """What is shown."""

    path: str
    backend: Backend
    document: dict[str, Any]

    @property
    def model(self) -> dict[str, Any]:
        """The model's tree."""
        tree: dict[str, Any] = self.document["model"]
        return tree


def _section(file: File, name: str) -> str:
    script = file.document.get("model_def_script") or {}
    return json.dumps(script.get(name, "not recorded in this file"))


def _size(file: File) -> str:
    return ", ".join(f"{part} {number}" for part, number in model_size(file.model).items()) + " parameters"


def _memory(file: File) -> str:
    with closing(file.backend.deep_eval(file.path)) as model:
        of_atom = model.get_bytes_per_atom()
    if of_atom is None:
        return "not known"
    if of_atom == 0:
        return "does not grow with the frame, large ones are evaluated in parts"
    return f"about {of_atom / 1e6:.2f} MB for each atom of a frame, with as many neighbors as the model was made for"


ATTRIBUTES: dict[str, Callable[[File], str]] = {
    "model-branch": lambda file: "none, it is a single-task model",
    "type-map": lambda file: json.dumps(file.model.get("type_map")),
    "descriptor": lambda file: _section(file, "descriptor"),
    "fitting-net": lambda file: _section(file, "fitting_net"),
    "size": _size,
    "memory": _memory,
    "observed-type": lambda file: json.dumps(observed_types(file.document)),
    "serialization-tree": lambda file: "\n" + serialization_tree(file.model),
}
SUMMARY = ("type-map", "descriptor", "fitting-net", "size")


def run(args: Namespace) -> None:
    """Prints each of ``args.ATTRIBUTES``, or a summary where none is given; verifies on ``args.verify``.

    Raises
    ------
    InputError
        For an unknown attribute.
    """
    for name in args.ATTRIBUTES:
        if name not in ATTRIBUTES:
            raise InputError(f"`dp show` knows no attribute {name!r}; there are {', '.join(ATTRIBUTES)}.")
    backend = backend_of_file(model_to_read(args.INPUT))
    document = backend.serialize_hook(args.INPUT)
    file = File(args.INPUT, backend, document)
    if not args.ATTRIBUTES:
        print(f"written: {_origin(document)}")
    for name in args.ATTRIBUTES or SUMMARY:
        print(f"{name}: {ATTRIBUTES[name](file)}")
    if args.verify:
        with closing(backend.deep_eval(args.INPUT)) as model:
            print(f"self-test: passed; largest differences: {describe(verify(model, document))}")


def _origin(document: dict[str, Any]) -> str:
    software, version, backend = (document.get(key, "?") for key in ("software", "version", "backend"))
    return f"by {software} {version} ({backend}) at {document.get('time', '?')}"
