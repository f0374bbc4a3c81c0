# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models by their names in the input and in files; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd.registry import MODEL, default_name, find_class

if TYPE_CHECKING:
    import numpy as np


def deserialize_model(data: dict[str, Any]) -> Any:
    """The model of a contract's tree.

    Raises
    ------
    ModelFileError
        The kind of model is not supported, or the tree is damaged.
    """
    # the registry's rows lie in this package, and are read without NumPy
    from deepmd_dp.nn.matrix import with_bases

    try:
        return with_bases(find_class(MODEL, data.get("type", default_name(MODEL))).deserialize(data))
    except KeyError as error:
        message = f"the serialized model lacks the key {error}; the file is damaged or not a model."
        raise ModelFileError(message) from error
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        message = f"the serialized model cannot be read ({error}); the file is damaged or not a model."
        raise ModelFileError(message) from error


def new_model(section: dict[str, Any], rng: np.random.Generator) -> Any:
    """A new model of the input's section ``model``."""
    return find_class(MODEL, section.get("type", default_name(MODEL))).from_input(section, rng)
