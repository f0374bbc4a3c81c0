# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model of a file, of which nothing is trained."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, NoReturn

import numpy as np

from deepmd.backend.model_files import read_model
from deepmd.errors import InputError, ModelFileError
from deepmd.registry import MODEL, walk
from deepmd_dp.dialect.module import Module, Tree
from deepmd_dp.environment.virtual_atoms import VirtualAtoms
from deepmd_dp.interface import Model
from deepmd_dp.model import deserialize_model


class FrozenModel:
    """How the model of a file comes into an input; in files it stands as what it is, and as not trained."""

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> NoReturn:
        """No tree has it."""
        raise ModelFileError(f"the model is of the kind {data['type']!r}, which is one of inputs only: damaged.")

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> Model:
        """The model of ``model_file``, any file that holds one, with the types that it has.

        Raises
        ------
        InputError
            It is a model of spins.
        ModelFileError
            It cannot be read.
        """
        del rng  # nothing in it is new
        model = deserialize_model(read_model(section["model_file"])["model"])
        if isinstance(model.expansion, VirtualAtoms):
            raise InputError(
                f"{section['model_file']} is a model of spins, which inputs do not name as `frozen`; take one without."
            )
        return not_trained(model)


def not_trained(tree: Tree) -> Tree:
    """The same tree with every flag that says that something is trained off."""
    if isinstance(tree, Module):
        changes = {each.name: not_trained(getattr(tree, each.name)) for each in fields(tree) if _is_data(each)}
        flag = getattr(tree, "trainable", None)
        if flag is not None:
            changes["trainable"] = False if isinstance(flag, bool) else (False,) * len(flag)
        return replace(tree, **changes)
    if isinstance(tree, tuple):
        return tuple(map(not_trained, tree))  # type: ignore[return-value]
    return tree


def _is_data(each: Any) -> bool:
    return "static" not in each.metadata


_PLACES = {"qm_model": "models/0", "qmmm_model": "models/1"}
"""Where the models of `pairwise_dprc` stand."""


def frozen_paths(section: dict[str, Any]) -> tuple[str, ...]:
    """Where, in a new model, those of files stand: "" for the whole, ``models.1``."""
    parts = [part.where.strip("/") for part in walk(MODEL, section, "") if part.row.name == "frozen"]
    return tuple(_PLACES.get(where, where).replace("/", ".") for where in parts)
