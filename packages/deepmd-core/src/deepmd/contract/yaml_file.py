# SPDX-License-Identifier: LGPL-3.0-or-later
"""``.yaml`` and ``.yml``: the document as text, laid out as deepmd-kit lays it out.

Each array is a mapping with ``"@class": np.ndarray``, its ``dtype`` and its ``value`` as nested lists. A comment is
the file's digest; who edits the text takes that line out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from deepmd.contract.arrays import map_arrays, map_variables, plain_array
from deepmd.contract.digest import BLANK
from deepmd.errors import ModelFileError, first_line
from deepmd.files import reason_of
from deepmd.files.plain import describe, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd.aliases import Document

# the C version writes the same, some ten times faster; PyYAML may be built without it
SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NUMBERS = re.compile("(float(16|32|64)|u?int(8|16|32|64)|bool)")


def to_bytes(document: Document) -> bytes:
    """The content of a file."""
    tree = map_arrays(document, _mapping_of_array)
    text: str = yaml.dump(tree, Dumper=SafeDumper, default_flow_style=False)
    return f"# {BLANK}\n{text}".encode()


def read(path: Path) -> Any:
    """The tree in a file of ours or of deepmd-kit; tags that would build Python objects are refused."""
    source = str(path)
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{source} is not plain YAML: {reason_of(error)}.") from error
    tree = parse_yaml(text, source, ModelFileError)
    return map_variables(tree, lambda mapping: _array_of_mapping(mapping, source), _is_array)


def _is_array(value: Any) -> bool:
    return isinstance(value, dict) and value.get("@class") == "np.ndarray"


def _mapping_of_array(array: np.ndarray) -> dict[str, Any]:
    array = plain_array(array)
    head = {"@class": "np.ndarray", "@is_variable": True, "@version": 1}
    return head | {"dtype": array.dtype.name, "value": array.tolist()}


def _array_of_mapping(mapping: dict[str, Any], source: str) -> np.ndarray:
    dtype = "float32" if mapping.get("dtype") == "bfloat16" else mapping.get("dtype")
    if not isinstance(dtype, str) or not _NUMBERS.fullmatch(dtype):
        raise ModelFileError(f"{source}: an array is of the type {describe(dtype)}; expected one of numbers.")
    try:
        return np.array(mapping["value"], dtype=dtype)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(
            f"{source}: an array of type {dtype} cannot be read ({first_line(error)}); write it again."
        ) from error
