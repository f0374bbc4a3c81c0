# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models by their names in the input and in files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.model.standard import StandardModel

if TYPE_CHECKING:
    import numpy as np

MODELS: dict[str, type] = {"standard": StandardModel}


def _model_class(name: str) -> type:
    if name not in MODELS:
        raise ModelFileError(
            f"model type {name!r} is not supported by this version; supported are {', '.join(MODELS)}."
        )
    return MODELS[name]


def deserialize_model(data: dict[str, Any]) -> Any:
    """The model of a contract's tree.

    Raises
    ------
    ModelFileError
        The kind of model is not supported, or the tree is damaged.
    """
    try:
        return _model_class(data.get("type", "standard")).deserialize(data)
    except KeyError as error:
        message = f"the serialized model lacks the key {error}; the file is damaged or not a model."
        raise ModelFileError(message) from error
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        message = f"the serialized model cannot be read ({error}); the file is damaged or not a model."
        raise ModelFileError(message) from error


def new_model(section: dict[str, Any], rng: np.random.Generator) -> Any:
    """A new model of the input's section ``model``."""
    return _model_class(section.get("type", "standard")).from_input(section, rng)
