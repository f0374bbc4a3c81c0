# SPDX-License-Identifier: LGPL-3.0-or-later
"""Embedded types and electron configurations."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd_dp.descriptor.se_atten import SeAtten
from deepmd_dp.nn.electron_configuration import ECONF_DIM, ELEMENTS, electron_configuration, occupations
from deepmd_dp.nn.type_embedding import TypeEmbedNet


def test_every_neutral_atom_has_as_many_electrons_as_its_number():
    assert [sum(occupations(name).values()) for name in ELEMENTS] == list(range(1, 119))


def test_vectors_tell_occupied_from_empty():
    rows = electron_configuration(["H", "C", "Cu"]) * np.sqrt(ECONF_DIM)
    assert rows.shape == (3, 118)
    np.testing.assert_array_equal(np.sum(np.round(rows) == 1, axis=1), [1, 6, 29])
    assert len({tuple(row) for row in electron_configuration(ELEMENTS)}) == len(ELEMENTS)


@pytest.mark.parametrize("type_map", [["H", "Xx"], []])
def test_what_is_no_element_is_an_input_error(type_map):
    with pytest.raises(InputError, match="chemical elements"):
        electron_configuration(type_map)


@pytest.mark.parametrize("use_econf_tebd", [False, True])
def test_one_row_a_type(use_econf_tebd):
    net = TypeEmbedNet.initial(np.random.default_rng(0), [5], ["H", "O"], use_econf_tebd=use_econf_tebd)
    assert net.dim == 5 and net().shape == (2, 5)
    assert not np.allclose(net()[0], net()[1])


@pytest.mark.parametrize("mode", ["concat", "strip"])
def test_attention_with_a_net_of_its_own_for_types(model_section, mode):
    """Given beside `se_atten` as in deepmd-kit's TensorFlow backend; files say all of it."""
    section = model_section(
        type_map=["O", "H"],
        descriptor={"type": "se_atten", "sel": 8, "neuron": [4], "axis_neuron": 2, "tebd_input_mode": mode},
        type_embedding={"neuron": [3, 6], "resnet_dt": True, "seed": 1},
        fitting_net={"neuron": [4]},
    )["descriptor"]
    made = SeAtten.from_input(section, ["O", "H"], np.random.default_rng(0))
    types = made.type_embedding
    assert (types.dim, types.embedding.neuron, types.embedding.layers[0].activation_function) == (6, [3, 6], "tanh")
    read = SeAtten.deserialize(made.serialize())
    np.testing.assert_array_equal(read.type_embedding(), types())
    assert read.dim_out == made.dim_out == 4 * 2 + 6
