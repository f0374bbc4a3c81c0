# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether the model that a training starts from is the one that its input asks for."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.errors import InputError
from deepmd_dp.dialect.module import Module, leaves, modules
from deepmd_dp.model.frozen import frozen_paths
from deepmd_dp.model.pairtab import PairTable
from deepmd_dp.nn.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd.aliases import Section
    from deepmd_dp.dialect.module import Node
    from deepmd_dp.interface import Model

log = logging.getLogger(__name__)

BEGUN = frozenset("atom_ener preset_out_bias set_davg_zero".split())
"""Static fields that say how a model was begun; those of the one to start from stay."""
OPTIONS = BEGUN | frozenset("trainable trained_layers basis rcond adds_bias".split())
"""Static fields that say how a model is trained, was begun or is computed, and not what it is."""


def check_same(model: Model, wanted: Model, section: Section) -> None:
    """Raises InputError where a model to start from is not made as the input says; the first difference is named.

    Parameters
    ----------
    model : Model
        The one to start from.
    wanted : Model
        A new one of the input, the numbers of whose nets don't matter.
    section : dict
        The input's section ``model``.
    """
    if any(modules(model, Table)):
        raise InputError(
            "the model to start from is compressed, and tables are not trained; take the model that it was made of."
        )
    _check_shapes(model, wanted)
    _check_settings(model, wanted)
    _check_files(model, wanted, section)


def _check_shapes(model: Model, wanted: Model) -> None:
    there, here = ({leaf.path: np.shape(leaf.array) for leaf in leaves(each)} for each in (model, wanted))
    for path in [*here, *there]:
        if there.get(path) != here.get(path):
            raise InputError(
                f"the model to start from has other nets than the input asks for: {path} is of shape "
                f"{there.get(path, 'none')} there, {here.get(path, 'none')} here; take its settings."
            )


def _check_settings(model: Model, wanted: Model) -> None:
    there, here = (dict(_settings(each, "")) for each in (model, wanted))
    differing = [path for path in dict.fromkeys((*here, *there)) if there.get(path) != here.get(path)]
    for path in differing:
        if path.rpartition(".")[2] in BEGUN:
            said = here.get(path), there.get(path)
            log.warning("%s is %r in the input; the model to start from has %r, which stays.", path, *said)
        else:
            raise InputError(
                f"the model to start from is another one than the input asks for: {path} is {there.get(path)!r} "
                f"there, {here.get(path)!r} here; take its settings."
            )


def _settings(tree: Node, path: str) -> Iterator[tuple[str, Any]]:
    """The static fields of all modules with their paths."""
    if isinstance(tree, Module):
        for each in fields(tree):
            value, at = getattr(tree, each.name), f"{path}.{each.name}" if path else each.name
            if "static" not in each.metadata:
                yield from _settings(value, at)
            elif each.name not in OPTIONS - BEGUN:
                yield at, value
    elif isinstance(tree, tuple | list):
        for index, item in enumerate(tree):
            yield from _settings(item, f"{path}.{index}")


def _check_files(model: Model, wanted: Model, section: Section) -> None:
    """Of what the input names files for, the numbers are theirs: tables of pairs, models that are not trained."""
    places = [*frozen_paths(section), *(path for path, _ in modules(wanted, PairTable))]
    there = {leaf.path: np.asarray(leaf.array) for leaf in leaves(model)}
    for path, array, _ in leaves(wanted):
        of_file = any(not place or path.startswith(f"{place}.") for place in places)
        if of_file and not np.array_equal(there[path], np.asarray(array)):
            raise InputError(
                f"the model to start from has other numbers than the file that the input names for it, in {path}; give "
                "the file that it was made with, or train a new model."
            )
