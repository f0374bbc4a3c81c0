# SPDX-License-Identifier: LGPL-3.0-or-later
"""The switch, the environment matrix, and the surroundings that the models take."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.edge_rows import smooth_switch
from deepmd_dp.dialect.module import with_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment import Environment, NeighborBlock, assemble
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix


def test_switch_values(library):
    r = library.xp.asarray(np.array([0.1, 1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_allclose(library.to_numpy(smooth_switch(r, 1.0, 3.0)), [1.0, 1.0, 0.5, 0.0, 0.0], atol=1e-15)


@pytest.mark.parametrize("end", [1.0, 3.0])
def test_switch_has_two_continuous_derivatives(end):
    h = 1e-3
    r = end + h * np.arange(-3, 4)
    second = np.diff(smooth_switch(r, 1.0, 3.0), 2) / h**2
    assert np.max(np.abs(np.diff(smooth_switch(r, 1.0, 3.0)) / h)) < 1e-4
    assert np.max(np.abs(second)) < 0.1


@pytest.fixture
def one_edge():
    """Two atoms that see each other, and a matrix for them."""
    section = {"rcut": 3.0, "rcut_smth": 1.0, "env_protection": 0.5, "sel": [4], "precision": "float64"}
    matrix = EnvironmentMatrix.initial(section, 1, by_type=True)
    block = NeighborBlock(edge_vec=np.array([[[[0.0, 1.2, -1.6]]]]), nlist=np.array([[[0]]]))
    env = Environment(lists=((block,),), atype=np.array([[0]]), specs=(matrix.spec,))
    return matrix, env


def test_environment_matrix(one_edge):
    matrix, env = one_edge
    (edges,) = matrix.edges(env)
    rows = matrix.rows(edges)
    np.testing.assert_allclose(rows.switch, [[0.5]], rtol=1e-14)
    np.testing.assert_allclose(rows.distance, [[2.0]], rtol=1e-14)
    expected = 0.5 * np.array([[[1 / 2.5, 0.0, 1.2 / 2.5**2, -1.6 / 2.5**2]]])
    np.testing.assert_allclose(rows.matrix, expected, rtol=1e-14)
    np.testing.assert_array_equal(edges.nempty, [3.0])


def test_exchanged_statistics_are_never_stale(one_edge):
    """What follows from the arrays is looked up in them."""
    matrix, _ = one_edge
    shifted = with_leaves(matrix, {"davg": np.array([[0.1, 0.0, 0.0, 0.0]]), "dstd": np.full((1, 4), 2.0)})
    np.testing.assert_allclose(shifted.empty_rows(), [[-0.05, 0.0, 0.0, 0.0]])
    by_slot = with_leaves(matrix, {"davg": np.zeros((1, 4, 4)), "dstd": np.ones((1, 4, 4))})
    assert by_slot.slots_differ and by_slot.spec.widths == (4,)
    assert not matrix.slots_differ and matrix.spec.widths is None


def test_a_type_without_slots_is_read():
    """deepmd-kit has such models: `sel` 0 for the last type."""
    section = {"rcut": 3.0, "rcut_smth": 1.0, "sel": [4, 0]}
    for davg in (np.zeros((2, 4, 4)), np.random.default_rng(0).normal(size=(2, 4, 4))):
        tree = {**section, "@variables": {"davg": davg, "dstd": np.ones((2, 4, 4))}}
        matrix = EnvironmentMatrix.deserialize(tree, 2, "test", by_type=True)
        np.testing.assert_array_equal(matrix.serialize_variables()["davg"], davg)


def test_surroundings_hold_each_neighbor_in_its_block(water):
    model = water.smooth_model
    env = build_environment(model, water.coord, water.box, water.atype)
    for kind, block in enumerate(env.lists[0]):
        found = block.nlist >= 0
        distance = np.linalg.norm(block.edge_vec, axis=-1)
        assert np.all(distance[found] < model.rcut) and np.all(distance[~found] > model.rcut)
        frame = np.arange(len(water.coord))[:, None, None]
        assert np.all(water.atype[frame, block.nlist][found] == kind)
        assert block.nlist.shape[2] == found.sum(axis=2).max()


def test_rows_of_types_come_back_in_order(water, library):
    atype = water.atype.copy()
    atype[1, 3] = -1
    env = library.convert(build_environment(water.model, water.coord, water.box, atype))
    rows = library.xp.asarray(np.arange(36.0)[:, None])
    parts = [array_namespace(rows).take(rows, index, axis=0) for index in env.centers]
    np.testing.assert_array_equal(library.to_numpy(assemble(parts, env))[:, 0], np.arange(36.0))
