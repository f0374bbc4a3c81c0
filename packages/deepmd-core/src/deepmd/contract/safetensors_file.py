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

if TYPE_CHECKING:
    from pathlib import Path

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
        tensors = load(data)
        tree = json.loads(_metadata(data)[METADATA_KEY])
    except KeyError as error:
        raise ModelFileError(f"{source} has no metadata {error}: it was not written by deepmd-core.") from error
    except (SafetensorError, ValueError) as error:
        raise ModelFileError(f"{source} is not in the safetensors format or is truncated ({error}).") from error

    def take(reference: Document) -> Any:
        if reference[REFERENCE] not in tensors:
            raise ModelFileError(f"{source}: the array {reference[REFERENCE]} is missing; write the file again.")
        return tensors[reference[REFERENCE]]

    return check_document(map_variables(tree, take, _is_reference), source)


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
