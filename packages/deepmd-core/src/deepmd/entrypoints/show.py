# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp show`: tells what is in a model file or checkpoint."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepmd.backend.discovery import backend_of_file, model_to_read
from deepmd.backend.model_files import open_model, read_model
from deepmd.contract.digest import KEY
from deepmd.contract.self_test import describe, verify
from deepmd.contract.summary import model_size, observed_types, serialization_tree, type_map_of
from deepmd.errors import InputError
from deepmd.registry import MODEL, default_name

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from deepmd.aliases import Document, Section
    from deepmd.backend import Backend


class File(NamedTuple):
    """What is shown."""

    path: str
    document: Document

    @property
    def model(self) -> Document:
        """The model's tree."""
        tree: Document = self.document["model"]
        return tree


def _section(file: File, name: str) -> str:
    script = file.document.get("model_def_script") or {}
    if "models" in script:  # of each of several, or what it is instead
        return json.dumps([part.get(name, part.get("type")) for part in script["models"]])
    return json.dumps(script.get(name, "not recorded in this file"))


def _size(file: File) -> str:
    return ", ".join(f"{part} {number}" for part, number in model_size(file.model).items()) + " parameters"


def _memory(file: File) -> str:
    with closing(open_model(file.path)) as model:
        of_atom = model.get_bytes_per_atom()
    if of_atom is None:
        return "not known"
    if of_atom == 0:
        return "does not grow with the frame, large ones are evaluated in parts"
    return f"about {of_atom / 1e6:.2f} MB for each atom of a frame, with as many neighbors as the model was made for"


def _kind(section: Section) -> str:
    """What a model is made of, in words."""
    kind = str(section.get("type") or default_name(MODEL))
    if "models" in section:
        return f"{kind} of {', '.join(map(_kind, section['models']))}, weights {json.dumps(section.get('weights'))}"
    if section.get("spin"):
        kind += f" with spins, use_spin {json.dumps(section['spin'].get('use_spin'))}"
    if section.get("use_srtab"):
        kind += f" with the table {section['use_srtab']} for near atoms"
    return kind


ATTRIBUTES: dict[str, Callable[[File], str]] = {
    "kind": lambda file: _kind(file.document.get("model_def_script") or {"type": file.model.get("type")}),
    "model-branch": lambda file: "none, it is a single-task model",
    "type-map": lambda file: json.dumps(type_map_of(file.model)),
    "descriptor": lambda file: _section(file, "descriptor"),
    "fitting-net": lambda file: _section(file, "fitting_net"),
    "size": _size,
    "memory": _memory,
    "observed-type": lambda file: json.dumps(observed_types(file.document)),
    "serialization-tree": lambda file: "\n" + serialization_tree(file.model),
}
SUMMARY = ("kind", "type-map", "descriptor", "fitting-net", "size")


def run(args: Namespace) -> None:
    """Prints each of ``args.ATTRIBUTES``, or a summary where none is given; verifies on ``args.verify``.

    Raises
    ------
    InputError
        For an unknown attribute.
    """
    backend = backend_of_file(model_to_read(args.INPUT))
    # a shell's model.* names all files of a model
    wanted = [name for name in args.ATTRIBUTES if not _belongs_to(name, args.INPUT, backend)]
    for name in wanted:
        if name not in ATTRIBUTES:
            said = "is a file: one is shown at once" if Path(name).exists() else "is no attribute"
            raise InputError(f"`dp show {args.INPUT}`: {name} {said}; there are {', '.join(ATTRIBUTES)}.")
    document = read_model(args.INPUT)
    file = File(args.INPUT, document)
    if not wanted:
        print(f"written: {_origin(document)}")
        print(f"digest: {_digest(document)}")
    for name in wanted or SUMMARY:
        print(f"{name}: {ATTRIBUTES[name](file)}")
    if args.verify:
        with closing(open_model(args.INPUT)) as model:
            print(f"self-test: passed; largest differences: {describe(verify(model, document))}")


def _digest(document: Document) -> str:
    return "unverified, the file has none" if document.get(KEY) is None else "verified"


def _belongs_to(name: str, path: str, backend: Backend) -> bool:
    """Whether a name is that of another file of the same model."""
    own = [{ending, *others} for ending, others in backend.companion_suffixes.items()]
    is_beside = name != path and Path(name).with_suffix("") == Path(path).with_suffix("")
    return is_beside and any({Path(name).suffix, Path(path).suffix} <= endings for endings in own)


def _origin(document: Document) -> str:
    software, version, backend = (document.get(key, "?") for key in ("software", "version", "backend"))
    return f"by {software} {version} ({backend}) at {document.get('time', '?')}"
