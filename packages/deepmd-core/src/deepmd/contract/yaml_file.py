# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.yaml`` and ``.yml``: the document as text, laid out as deepmd-kit lays it out.

Each array is a mapping with ``"@class": np.ndarray``, its ``dtype`` and its ``value`` as nested lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from deepmd.contract.arrays import map_arrays, map_variables, plain_array
from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd.aliases import Document

# the C versions read and write the same, some ten times faster; PyYAML may be built without them
SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write(path: Path, document: Document) -> None:
    """Writes the document to a new file."""
    tree = map_arrays(document, _mapping_of_array)
    with open(path, "w", encoding="utf-8") as file:
        yaml.dump(tree, file, Dumper=SafeDumper, default_flow_style=False)


def read(path: Path) -> Any:
    """Reads what `write` or deepmd-kit wrote; tags that would build Python objects are refused."""
    try:
        with open(path, encoding="utf-8") as file:
            tree = yaml.load(file, Loader=SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path} is not plain YAML or is truncated: {reason}") from error
    return map_variables(tree, lambda mapping: _array_of_mapping(mapping, path), _is_array)


def _is_array(value: Any) -> bool:
    return isinstance(value, dict) and value.get("@class") == "np.ndarray"


def _mapping_of_array(array: np.ndarray) -> dict[str, Any]:
    array = plain_array(array)
    head = {"@class": "np.ndarray", "@is_variable": True, "@version": 1}
    return head | {"dtype": array.dtype.name, "value": array.tolist()}


def _array_of_mapping(mapping: dict[str, Any], path: Path) -> np.ndarray:
    dtype = mapping.get("dtype")
    try:
        return np.array(mapping["value"], dtype="float32" if dtype == "bfloat16" else dtype)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path}: an array of type {dtype} cannot be read ({error}); write it again.") from error
