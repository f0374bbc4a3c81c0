# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.dp``: the document in HDF5, laid out as deepmd-kit lays it out.

The root attribute ``json`` holds the tree with each array replaced by ``/variable_NNNN``;
the arrays are the root's datasets of these names, numbered depth first. Another attribute is the file's digest.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from deepmd.contract.arrays import map_arrays, map_variables, plain_array
from deepmd.contract.digest import BLANK, KEY
from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from deepmd.aliases import Document

PREFIX = "/variable_"


def is_reference(value: Any) -> bool:
    """Whether the value stands for an array."""
    return isinstance(value, str) and value.startswith(PREFIX)


def to_bytes(document: Document) -> bytes:
    """The content of a file."""
    # in memory: where a disk is full, HDF5 complains again whenever one of its objects goes
    with h5py.File("model.dp", "w", driver="core", backing_store=False) as file:

        def store(array: np.ndarray) -> str:
            return str(file.create_dataset(f"{PREFIX}{len(file):04d}", data=plain_array(array)).name)

        tree = map_arrays(document, store)
        file.attrs["json"] = json.dumps(tree, separators=(",", ":"))
        file.attrs[KEY] = np.bytes_(BLANK)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def from_bytes(content: bytes, source: str) -> Any:
    """The tree in a file of ours or of deepmd-kit; ``source`` names it in messages."""
    try:
        with h5py.File(h5py.h5f.open_file_image(content)) as file:
            tree = json.loads(file.attrs["json"])
            return map_variables(tree, lambda name: _dataset(file, name, source), is_reference)
    except KeyError as error:
        raise ModelFileError(f"{source} is HDF5 but no model: its root has no attribute `json`.") from error
    except json.JSONDecodeError as error:
        raise ModelFileError(f"{source}: the attribute `json` is no valid JSON ({error}); copy it again.") from error
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{source} is not an HDF5 file or is truncated ({error}); copy it again.") from error


def _dataset(file: h5py.File, name: str, source: str) -> np.ndarray:
    if name not in file:
        raise ModelFileError(f"{source}: the array {name} is missing; the file is incomplete, write it again.")
    return plain_array(file[name][()])
