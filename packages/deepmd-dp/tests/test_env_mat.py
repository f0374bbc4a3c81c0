# SPDX-License-Identifier: LGPL-3.0-or-later
"""The switch, the environment matrix, and the surroundings that the models take."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.env_mat import EnvMat, smooth_switch
from deepmd_dp.environment.environment import assemble


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


def test_environment_matrix():
    edge = np.array([[0.0, 1.2, -1.6]])
    matrix, switch = EnvMat(rcut=3.0, rcut_smth=1.0, protection=0.5)(edge)
    np.testing.assert_allclose(switch, [[0.5]], rtol=1e-14)
    np.testing.assert_allclose(matrix, 0.5 * np.array([[1 / 2.5, 0.0, 1.2 / 2.5**2, -1.6 / 2.5**2]]), rtol=1e-14)


def test_surroundings_hold_each_neighbor_in_its_block(water):
    model = water.smooth_model
    env = build_environment(model, water.coord, water.box, water.atype)
    for block in range(model.ntypes):
        found = env.nlist[block] >= 0
        distance = np.linalg.norm(env.edge_vec[block], axis=-1)
        assert np.all(distance[found] < model.rcut) and np.all(distance[~found] > model.rcut)
        assert np.all(env.neighbor_type[block][found] == block)
        assert env.nlist[block].shape[2] == found.sum(axis=2).max()


def test_rows_of_types_come_back_in_order(water, library):
    atype = water.atype.copy()
    atype[1, 3] = -1
    env = library.convert(build_environment(water.model, water.coord, water.box, atype))
    rows = library.xp.asarray(np.arange(36.0)[:, None])
    parts = [array_namespace(rows).take(rows, index, axis=0) for index in env.centers]
    np.testing.assert_array_equal(library.to_numpy(assemble(parts, env))[:, 0], np.arange(36.0))
