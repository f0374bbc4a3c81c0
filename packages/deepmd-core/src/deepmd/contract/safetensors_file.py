# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.safetensors``: the document in Hugging Face's format; its bytes are also what frozen files embed.

The file's metadata hold one entry, ``deepmd``: the tree as JSON with each array replaced by ``{"@array": NAME}``, and
beside the tree's own keys the file's digest; a second entry would stand before or behind it by chance. The tensors
are named by their paths in the tree, e.g. ``model.descriptor.embeddings.networks.0.layers.1.w``, so that other tools
show something meaningful.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.numpy import load, save, save_file

from deepmd.contract.arrays import with_arrays, without_arrays
from deepmd.contract.digest import BLANK, KEY, seal
from deepmd.errors import ModelFileError
from deepmd.files.plain import parse_json

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from deepmd.aliases import Document

METADATA_KEY = "deepmd"


def to_bytes(document: Document) -> bytes:
    """The content of a file."""
    return save(*_tensors_and_metadata(document))


def write(path: str | Path, document: Document) -> None:
    """Writes the same to a file, its digest too, without a copy in memory."""
    tensors, metadata = _tensors_and_metadata(document)
    save_file(tensors, path, metadata)
    seal(path)


def _tensors_and_metadata(document: Document) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    tree, tensors = without_arrays(document)
    return tensors, {METADATA_KEY: json.dumps({KEY: BLANK, **tree})}


def read(path: Path) -> Any:
    """The tree in a file."""
    return from_bytes(path.read_bytes(), str(path))


def from_bytes(data: bytes, source: str) -> Any:
    """The tree in the content of a file; ``source`` names it in messages."""
    try:
        tensors, metadata = load(data), _metadata(data)
    except (SafetensorError, ValueError, TypeError, KeyError) as error:  # the last two: types that NumPy lacks
        raise ModelFileError(f"{source} is not in the safetensors format or is truncated ({error}).") from error
    if METADATA_KEY not in metadata:
        raise ModelFileError(f"{source} has no metadata {METADATA_KEY!r}: it was not written by deepmd-core.")
    return with_arrays(parse_json(metadata[METADATA_KEY], source, ModelFileError), tensors, source)


def _metadata(data: bytes) -> dict[str, str]:
    """The metadata in the header: 8 bytes of length (little endian), then JSON."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata
