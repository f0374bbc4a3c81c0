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
from deepmd.files.plain import parse_json
from deepmd.files.reading import check_unfolded

if TYPE_CHECKING:
    from pathlib import Path

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

        file.attrs[KEY] = np.bytes_(BLANK)  # first, so that it lies near the beginning
        tree = map_arrays(document, store)
        file.attrs["json"] = json.dumps(tree, separators=(",", ":"))
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def read(path: Path) -> Any:
    """The tree in a file of ours or of deepmd-kit."""
    source = str(path)
    try:
        with h5py.File(path, locking=False) as file:
            if "json" not in file.attrs:
                raise ModelFileError(f"{source} is HDF5 but no model: its root has no attribute `json`.")
            tree = parse_json(_text(file.attrs["json"]), source, ModelFileError)
            return map_variables(tree, _Arrays(file, path.stat().st_size, source).take, is_reference)
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{source} is not an HDF5 file or is truncated ({error}); copy it again.") from error


def _text(value: Any) -> str | bytes:
    """An attribute that must be a text; HDF5 may hold anything there."""
    return value if isinstance(value, str | bytes) else str(value)


class _Arrays:
    """The datasets of a file, each read once, however many references there are to it, and none that unfolds.

    HDF5 has compressed datasets, such as were never written, and such as lie in other files.
    """

    def __init__(self, file: h5py.File, size: int, source: str) -> None:
        self._file, self._size, self._source = file, size, source
        self._unfolded = 0
        self._read: dict[str, np.ndarray] = {}

    def take(self, name: str) -> np.ndarray:
        """The array of a reference."""
        if name not in self._read:
            self._read[name] = self._of(name)
        return self._read[name]

    def _of(self, name: str) -> np.ndarray:
        where = f"{self._source}: the array {name}"
        try:
            link = self._file.id.links.get_info(name.encode())
        except (KeyError, RuntimeError):
            raise ModelFileError(f"{where} is missing; the file is incomplete, write it again.") from None
        dataset = self._file[name] if link.type == h5py.h5l.TYPE_HARD else None
        if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
            raise ModelFileError(f"{where} does not lie in this file, as those of a model do; it is not read.")
        dtype = dataset.dtype
        if dtype.kind not in "fiubV" or dtype.names:  # V: bfloat16 as bytes, the graph in a .hlo
            raise ModelFileError(f"{where} holds {dtype}; expected numbers.")
        self._unfolded += dataset.size * dtype.itemsize
        check_unfolded(self._unfolded, self._size, self._source)
        return plain_array(dataset[()])
