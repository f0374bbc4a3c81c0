# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp show`: tells what is in a model file or checkpoint."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from deepmd.backend.discovery import backend_of_file
from deepmd.contract.self_test import describe, verify
from deepmd.contract.summary import model_size, observed_types, serialization_tree
from deepmd.errors import InputError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable


def _section(document: dict[str, Any], name: str) -> str:
    script = document.get("model_def_script") or {}
    return json.dumps(script.get(name, "not recorded in this file"))


def _size(document: dict[str, Any]) -> str:
    return ", ".join(f"{part} {number}" for part, number in model_size(document["model"]).items()) + " parameters"


ATTRIBUTES: dict[str, Callable[[dict[str, Any]], str]] = {
    "model-branch": lambda document: "none, it is a single-task model",
    "type-map": lambda document: json.dumps(document["model"].get("type_map")),
    "descriptor": lambda document: _section(document, "descriptor"),
    "fitting-net": lambda document: _section(document, "fitting_net"),
    "size": _size,
    "observed-type": lambda document: json.dumps(observed_types(document)),
    "serialization-tree": lambda document: "\n" + serialization_tree(document["model"]),
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
    backend = backend_of_file(args.INPUT)
    document = backend.serialize_hook(args.INPUT)
    if not args.ATTRIBUTES:
        print(f"written: {_origin(document)}")
    for name in args.ATTRIBUTES or SUMMARY:
        print(f"{name}: {ATTRIBUTES[name](document)}")
    if args.verify:
        with closing(backend.deep_eval(args.INPUT)) as model:
            print(f"self-test: passed; largest differences: {describe(verify(model, document))}")


def _origin(document: dict[str, Any]) -> str:
    software, version, backend = (document.get(key, "?") for key in ("software", "version", "backend"))
    return f"by {software} {version} ({backend}) at {document.get('time', '?')}"
