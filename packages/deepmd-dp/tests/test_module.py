# SPDX-License-Identifier: LGPL-3.0-or-later
"""The module tree: paths, order, what is trained, mapping."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from deepmd_dp.dialect.module import (
    Module,
    buffer,
    leaves,
    map_leaves,
    module,
    modules,
    static,
    with_leaves,
    with_modules,
)


@module
class Part(Module):
    w: Any
    b: Any = None
    trainable: bool = static(default=True)


@module
class Whole(Module):
    parts: tuple[Part, ...]
    last: Part
    mean: Any = buffer()
    name: str = static(default="x")


@pytest.fixture
def tree():
    return Whole(parts=(Part(w=1.0, b=2.0), Part(w=3.0, trainable=False)), last=Part(w=4.0), mean=5.0)


def test_leaves_in_the_order_of_the_fields(tree):
    assert [(leaf.path, leaf.array) for leaf in leaves(tree)] == [
        ("parts.0.w", 1.0),
        ("parts.0.b", 2.0),
        ("parts.1.w", 3.0),
        ("last.w", 4.0),
        ("mean", 5.0),
    ]


def test_buffers_and_frozen_modules_are_not_trained(tree):
    assert {leaf.path for leaf in leaves(tree) if leaf.trained} == {"parts.0.w", "parts.0.b", "last.w"}


def test_map_leaves_gives_path_and_keeps_the_rest(tree):
    doubled = map_leaves(tree, lambda path, array: (path, 2 * array))
    assert doubled.parts[1].w == ("parts.1.w", 6.0)
    assert doubled.parts[1].b is None and doubled.parts[1].trainable is False and doubled.name == "x"
    assert tree.parts[1].w == 3.0


def test_with_leaves_replaces_by_path(tree):
    changed = with_leaves(tree, {"parts.0.b": 9.0})
    assert [leaf.array for leaf in leaves(changed)] == [1.0, 9.0, 3.0, 4.0, 5.0]


def test_with_leaves_refuses_unknown_paths(tree):
    with pytest.raises(KeyError, match=r"no leaf last\.b in this Whole"):
        with_leaves(tree, {"last.w": 1.0, "last.b": 2.0})


def test_what_modules_share_is_one_leaf():
    shared, own = np.zeros(2), np.ones(2)
    tree = Whole(parts=(Part(w=shared), Part(w=own)), last=Part(w=shared), mean=None)
    assert [leaf.path for leaf in leaves(tree)] == ["parts.0.w", "parts.1.w"]
    changed = with_leaves(tree, {"parts.0.w": np.full(2, 5.0)})
    assert changed.parts[0].w is changed.last.w
    assert map_leaves(tree, lambda _, array: array + 1.0).last.w[0] == 1.0


def test_modules_are_found_and_replaced(tree):
    assert [path for path, _ in modules(tree, Part)] == ["parts.0", "parts.1", "last"]
    assert with_modules(tree, {"parts.1": Part(w=7.0)}).parts[1].w == 7.0


def test_modules_do_not_change(tree):
    with pytest.raises(FrozenInstanceError):
        tree.last = None


def test_a_models_trained_leaves(water):
    """Weights are trained, statistics and biases of the data are not."""
    found = {leaf.path: leaf for leaf in leaves(water.model)}
    assert found["descriptor.two_body.embeddings.networks.0.layers.1.w"].array.shape == (4, 8)
    untrained = {path for path, leaf in found.items() if not leaf.trained}
    assert untrained == {
        "descriptor.two_body.matrix.davg",
        "descriptor.two_body.matrix.dstd",
        "fitting.nets.bias_atom_e",
        "out_bias",
        "out_std",
    }
    assert all(isinstance(leaf.array, np.ndarray) for leaf in found.values())
