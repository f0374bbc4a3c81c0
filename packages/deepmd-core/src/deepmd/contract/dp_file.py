# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.dp``: the document in HDF5, laid out as deepmd-kit lays it out.

The root attribute ``json`` holds the tree with each array replaced by ``/variable_NNNN``;
the arrays are the root's datasets of these names, numbered depth first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import h5py

from deepmd.contract.arrays import map_arrays, map_variables, plain_array
from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from deepmd.aliases import Document

PREFIX = "/variable_"


def is_reference(value: Any) -> bool:
    """Whether the value stands for an array."""
    return isinstance(value, str) and value.startswith(PREFIX)


def write(path: Path, document: Document) -> None:
    """Writes the document to a new file."""
    # in memory first: where a disk is full, HDF5 complains again whenever one of its objects goes
    with h5py.File(path, "w", driver="core", backing_store=False) as file:

        def store(array: np.ndarray) -> str:
            return str(file.create_dataset(f"{PREFIX}{len(file):04d}", data=plain_array(array)).name)

        tree = map_arrays(document, store)
        file.attrs["json"] = json.dumps(tree, separators=(",", ":"))
        file.flush()
        path.write_bytes(file.id.get_file_image())


def read(path: Path) -> Any:
    """Reads what `write` or deepmd-kit wrote."""
    try:
        with h5py.File(path, "r") as file:
            tree = json.loads(file.attrs["json"])
            return map_variables(tree, lambda name: _dataset(file, name, path), is_reference)
    except OSError as error:
        raise ModelFileError(f"{path} is not an HDF5 file or is truncated ({error}); copy it again.") from error
    except KeyError as error:
        raise ModelFileError(f"{path} is HDF5 but no model: its root has no attribute `json`.") from error
    except json.JSONDecodeError as error:
        raise ModelFileError(f"{path}: the attribute `json` is no valid JSON ({error}); copy it again.") from error


def _dataset(file: h5py.File, name: str, path: Path) -> np.ndarray:
    if name not in file:
        raise ModelFileError(f"{path}: the array {name} is missing; the file is incomplete, write it again.")
    dataset = file[name]
    if dataset.file != file or dataset.is_virtual or dataset.external:
        raise ModelFileError(f"{path}: the array {name} lies in another file, which none of ours does; it is not read.")
    return plain_array(dataset[()])
