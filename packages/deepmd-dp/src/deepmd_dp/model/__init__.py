# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models by their names in the input and in files; what they are is registered in pyproject.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from deepmd.errors import ModelFileError
from deepmd.registry import MODEL, default_name, find_class

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.interface import Model, ModelClass


def model_class(name: str | None) -> ModelClass:
    """The class of a kind of model; None: of the one that is meant where nothing is said.

    Raises
    ------
    ModelFileError
        There is no such kind of model.
    """
    return cast("ModelClass", find_class(MODEL, name or default_name(MODEL)))


def deserialize_model(data: dict[str, Any]) -> Model:
    """The model of a contract's tree.

    Raises
    ------
    ModelFileError
        The kind of model is not supported, or the tree is damaged.
    """
    # the registry's rows lie in this package, and are read without NumPy
    from deepmd_dp.dialect.field_types import check_settings
    from deepmd_dp.model.trial import check_parts

    try:
        model = model_class(data.get("type")).deserialize(data)
        check_settings(model)
        check_parts(model)
        return model
    except KeyError as error:
        message = f"the serialized model lacks the key {error}; the file is damaged or not a model."
        raise ModelFileError(message) from error
    except (ArithmeticError, AttributeError, IndexError, TypeError, ValueError) as error:
        message = f"the serialized model cannot be read ({error}); the file is damaged or not a model."
        raise ModelFileError(message) from error


def new_model(section: dict[str, Any], rng: np.random.Generator) -> Model:
    """A new model of the input's section ``model``; one with a table for near atoms is of a kind of its own."""
    kind = section.get("type") or default_name(MODEL)
    return model_class("zbl" if kind == "standard" and section.get("use_srtab") else kind).from_input(section, rng)
