# SPDX-License-Identifier: LGPL-3.0-or-later
"""Reading and writing documents; the file's ending picks the format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

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
"""Ending of a file to the module with its ``read`` and ``write``."""


def read_document(path: str | Path) -> Document:
    """The document in a file.

    Raises
    ------
    ModelFileError
        Where there is no such file, its ending is not one of ours, or it does not hold a model.
    """
    path = Path(path)
    module = _format_of(path)
    if not path.is_file():
        raise ModelFileError(f"{path}: there is no such model file.")
    with reading(path):
        return check_document(module.read(path), str(path))


def write_document(path: str | Path, document: Document) -> None:
    """Writes a document; an existing file is replaced when all is written."""
    path = Path(path)
    module = _format_of(path)
    with atomic_path(path) as temporary:
        module.write(temporary, document)


def _format_of(path: Path) -> ModuleType:
    if path.suffix not in FORMATS:
        raise ModelFileError(
            f"{path}: a serialized model ends in {', '.join(FORMATS)}, not in {path.suffix or 'nothing'!r}; "
            "`dp convert-backend` turns another backend's file into one."
        )
    return import_module(FORMATS[path.suffix])
