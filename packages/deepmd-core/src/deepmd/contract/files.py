# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and writing documents; the file's ending picks the format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.contract import safetensors_file
from deepmd.contract.digest import KEY, check_digest, check_file, seal, sealed
from deepmd.contract.document import check_document
from deepmd.errors import ModelFileError
from deepmd.files import atomic_path
from deepmd.files.reading import reading

if TYPE_CHECKING:
    from types import ModuleType

    from deepmd.aliases import Document

FORMATS = {
    ".dp": "deepmd.contract.dp_file",
    ".yaml": "deepmd.contract.yaml_file",
    ".yml": "deepmd.contract.yaml_file",
    ".safetensors": "deepmd.contract.safetensors_file",
}
"""Ending of a file to the module with its ``to_bytes`` and ``read``."""


def read_document(path: str | Path) -> Document:
    """The document in a file.

    Raises
    ------
    ModelFileError
        Where there is no such file, its ending is not one of ours, it does not hold a model, or it is damaged.
    """
    path = Path(path)
    module = _format_of(path)
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such model file.")
    with reading(path):
        digest = check_file(path)
        return _checked(module.read(path), str(path), digest)


def write_document(path: str | Path, document: Document) -> None:
    """Writes a document; an existing file is replaced when all is written."""
    path = Path(path)
    content = _format_of(path).to_bytes(_without_digest(document))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        seal(temporary)


def document_to_bytes(document: Document) -> bytes:
    """The document as one block of bytes, in the safetensors format."""
    return sealed(safetensors_file.to_bytes(_without_digest(document)))


def document_from_bytes(content: bytes, source: str = "the embedded model", verified: str | None = None) -> Document:
    """The document of what `document_to_bytes` gave.

    Parameters
    ----------
    content : bytes
    source : str
        Names it in messages.
    verified : str, optional
        The digest, checked, of what the bytes are a part of; else their own is checked.

    Raises
    ------
    ModelFileError
        Where the bytes are something else, damaged, or lack an array.
    """
    digest = verified or check_digest(content, source)
    return _checked(safetensors_file.from_bytes(content, source), source, digest)


def _without_digest(document: Document) -> Document:
    return {key: value for key, value in document.items() if key != KEY}


def _checked(document: Any, source: str, digest: str | None) -> Document:
    return {**check_document(document, source), KEY: digest}


def _format_of(path: Path) -> ModuleType:
    if path.suffix not in FORMATS:
        raise ModelFileError(
            f"{path}: a serialized model ends in {', '.join(FORMATS)}, not in {path.suffix or 'nothing'!r}; "
            "`dp convert-backend` turns another backend's file into one."
        )
    return import_module(FORMATS[path.suffix])
