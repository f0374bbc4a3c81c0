# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.safetensors``: the document in Hugging Face's format; its bytes are also what frozen files embed.

The file's metadata hold one entry, ``deepmd``: the tree as JSON with each array replaced by
``{"@array": NAME}``. The tensors are named by their paths in the tree, e.g.
``model.descriptor.embeddings.networks.0.layers.1.w``, so that other tools show something meaningful.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.numpy import load, save

from deepmd.contract.arrays import map_arrays, map_variables, plain_array, walk_arrays
from deepmd.contract.document import check_document
from deepmd.errors import ModelFileError
from deepmd.files.plain import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np

    from deepmd.aliases import Document

METADATA_KEY = "deepmd"
REFERENCE = "@array"


def document_to_bytes(document: Document) -> bytes:
    """The document as one block of bytes."""
    tensors = {name: plain_array(array) for name, array in walk_arrays(document)}
    names = iter(tensors)
    tree = map_arrays(document, lambda _: {REFERENCE: next(names)})
    return save(tensors, metadata={METADATA_KEY: json.dumps(tree)})


def document_from_bytes(data: bytes, source: str = "the embedded model") -> Document:
    """The document of what `document_to_bytes` gave; ``source`` names it in messages.

    Raises
    ------
    ModelFileError
        Where the bytes are something else, truncated, or lack an array.
    """
    try:
        tensors, metadata = load(data), _metadata(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:  # the last two: types that NumPy lacks
        raise ModelFileError(f"{source} is not in the safetensors format or is truncated ({error}).") from error
    if METADATA_KEY not in metadata:
        raise ModelFileError(f"{source} has no metadata {METADATA_KEY!r}: it was not written by deepmd-core.")
    tree = parse_json(metadata[METADATA_KEY], source, ModelFileError)

    return check_document(with_arrays(tree, tensors, source), source)


def with_arrays(tree: Any, arrays: Mapping[str, np.ndarray], source: str) -> Any:
    """A tree with the arrays in the place of the references to them.

    Raises
    ------
    ModelFileError
        One is not there.
    """

    def take(reference: Document) -> np.ndarray:
        name = reference[REFERENCE]
        if not isinstance(name, str) or name not in arrays:
            raise ModelFileError(f"{source}: the array {name} is missing; write the file again.")
        return arrays[name]

    return map_variables(tree, take, _is_reference)


def write(path: Path, document: Document) -> None:
    """Writes the document to a new file."""
    path.write_bytes(document_to_bytes(document))


def read(path: Path) -> Document:
    """Reads what `write` wrote."""
    return document_from_bytes(path.read_bytes(), str(path))


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and REFERENCE in value


def _metadata(data: bytes) -> dict[str, str]:
    """The metadata in the header: 8 bytes of length (little endian), then JSON."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata
