# SPDX-License-Identifier: LGPL-3.0-or-later
"""The contract between backends: a model as a tree of plain values and arrays, and the files that hold it."""

from deepmd.contract.arrays import check_class, count_arrays, map_arrays, take_array, walk_arrays
from deepmd.contract.document import new_document
from deepmd.contract.files import document_from_bytes, document_to_bytes, read_document, write_document

__all__ = [
    "check_class",
    "count_arrays",
    "document_from_bytes",
    "document_to_bytes",
    "map_arrays",
    "new_document",
    "read_document",
    "take_array",
    "walk_arrays",
    "write_document",
]
