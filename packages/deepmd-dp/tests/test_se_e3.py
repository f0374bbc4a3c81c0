# SPDX-License-Identifier: LGPL-3.0-or-later
"""`se_e3` and `se_e3_tebd` beside their formulas, written as loops over pairs of neighbors; what they hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from deepmd.schema import normalize
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.descriptor import new_descriptor
from deepmd_dp.dialect.module import leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import Matrix, with_bases, with_matrices

FRAME = FRAMES["periodic and triclinic"]


def model_of(name, **options):
    case = next(case for case in CASES if case.name == name)
    return deserialize_model(random_document(replace(case, descriptor={**case.descriptor, **options}))["model"])


def environment_of(model):
    return build_environment(model, FRAME.coords, FRAME.cells, FRAME.atom_types)


def neighbors(matrix, env):
    """Of the first atom: directional rows, switches and types of the neighbors that are looked at."""
    rows, switches, types = [], [], []
    for index, edges in enumerate(matrix.edges(env)):
        found, kept = matrix.rows(edges), edges.kept[0] > 0
        rows.append(found.matrix[0, kept, 1:])
        switches.append(found.switch[0, kept])
        types.append(np.full(kept.sum(), index) if edges.neighbor_type is None else edges.neighbor_type[0, kept])
    return np.concatenate(rows), np.concatenate(switches), np.concatenate(types)


@pytest.mark.parametrize("name", ["se_e3: plain", "se_e3: excluded pairs, time steps"])
def test_the_sum_over_pairs_of_types(name):
    model = model_of(name)
    descriptor, env = model.descriptor, environment_of(model)
    (rows, _, types), sel = neighbors(descriptor.matrix, env), descriptor.matrix.sel
    expected = np.zeros(descriptor.dim_out)
    for j, k in product(range(len(rows)), repeat=2):
        if types[j] <= types[k]:
            theta = np.array([rows[j] @ rows[k]])
            net = descriptor.embeddings[(types[j], types[k])]
            expected += theta * net(theta) / (sel[types[j]] * sel[types[k]])
    np.testing.assert_allclose(model.describe(env)[0, 0], expected, rtol=0.0, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("options", [{}, {"tebd_input_mode": "strip"}, {"tebd_input_mode": "strip", "smooth": False}])
def test_the_sum_with_embedded_types(options):
    model = model_of("se_e3_tebd: concat", **options)
    descriptor, env = model.descriptor, environment_of(model)
    part, table = descriptor.three_body, descriptor.type_embedding()
    rows, switches, types = neighbors(part.matrix, env)
    net, strip = part.embedding.embeddings[()], part.embedding.embeddings_strip
    expected = np.zeros(part.dim_out)
    for j, k in product(range(len(rows)), repeat=2):
        theta, pair = np.array([rows[j] @ rows[k]]), np.concatenate([table[types[k]], table[types[j]]])
        if strip is None:
            expected += theta * net(np.concatenate([theta, pair]))
        else:
            factor = switches[j] * switches[k] if options.get("smooth", True) else 1.0
            expected += theta * net(theta) * (1.0 + factor * strip[()](pair))
    expected = np.concatenate([expected / sum(part.matrix.sel) ** 2, table[FRAME.atom_types[0, 0]]])
    np.testing.assert_allclose(model.describe(env)[0, 0], expected, rtol=0.0, atol=1e-13 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["se_e3: plain", "se_e3_tebd: concat"])
def test_wide_nets_are_matrices(name):
    model = model_of(name, neuron=[10, 20, 40])
    env = environment_of(model)
    matrices = with_matrices(with_bases(model))
    assert any("networks" in leaf.path and leaf.path.endswith(".c") for leaf in leaves(matrices))
    expected = model.describe(env)
    np.testing.assert_allclose(matrices.describe(env), expected, rtol=0.0, atol=1e-12 * np.abs(expected).max())


def test_narrow_nets_stay_nets_in_files():
    model = with_bases(model_of("se_e3: plain"))
    assert model.descriptor.basis is not None
    matrices = with_matrices(model).descriptor
    assert matrices.basis is None
    assert not any(isinstance(net, Matrix) for net in matrices.embeddings.networks)


def test_what_an_atom_holds():
    """An angle and all widths of the net for each pair of neighbors."""
    descriptor = model_of("se_e3: plain").descriptor
    assert descriptor.numbers_per_atom(dict.fromkeys(descriptor.capacities, 20)) == 20**2 * (1 + 3 + 6)
    typed = model_of("se_e3_tebd: concat").descriptor
    assert typed.numbers_per_atom(dict.fromkeys(typed.capacities, 20)) == 20**2 * (2 + 3 + 6)


def test_a_type_without_slots_has_no_infinity():
    """deepmd-kit divides by each type's number of slots."""
    model = model_of("se_e3: plain", sel=[0, 8])
    assert np.isfinite(model.describe(environment_of(model))).all()


@pytest.mark.parametrize("alias", ["se_at", "se_a_3be", "se_t"])
def test_aliases(alias):
    section = {"type_map": ["O", "H"], "descriptor": {"type": alias, "sel": [4, 8], "neuron": [3]}, "fitting_net": {}}
    training = {"training_data": {"systems": ["none"]}, "numb_steps": 1}
    given = {"model": section, "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-8}, "training": training, "loss": {}}
    normalized = normalize(given)["model"]["descriptor"]
    assert normalized["type"] == "se_e3"
    assert new_descriptor(normalized, ["O", "H"], np.random.default_rng(0)).dim_out == 3
