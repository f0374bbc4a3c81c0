# SPDX-License-Identifier: LGPL-3.0-or-later
"""Layers and nets: formulas and first values."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.errors import InputError, ModelFileError
from deepmd_dp.dialect.precision import numpy_dtype, precision_name
from deepmd_dp.nn.network import EmbeddingNetwork, FittingNetwork, Layer, LayerNorm, NetworkCollection


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_layer_formula(rng):
    x, w, b, idt = (rng.normal(size=size) for size in ((5, 3), (3, 4), 4, 4))
    layer = Layer(w=w, b=b, idt=idt, activation_function="tanh", resnet=True)
    np.testing.assert_allclose(layer(x), np.tanh(x @ w + b) * idt, rtol=1e-14)


def test_biases_stored_as_rows_are_read(rng):
    tree = Layer.initial(rng, 3, 4, use_timestep=True, activation_function="tanh").serialize()
    rows = {key: tree["@variables"][key][None] for key in ("b", "idt")}
    read = Layer.deserialize(tree | {"@variables": tree["@variables"] | rows})
    np.testing.assert_array_equal(read(np.ones((2, 3))), Layer.deserialize(tree)(np.ones((2, 3))))
    with pytest.raises(ModelFileError, match=r"array `b` is float64\[1, 5\]"):
        Layer.deserialize(tree | {"@variables": tree["@variables"] | {"b": np.zeros((1, 5))}})


@pytest.mark.parametrize(("nin", "nout", "skipped"), [(3, 3, 1), (3, 6, 2), (3, 4, 0)])
def test_skip_connection_where_the_widths_allow_one(rng, nin, nout, skipped):
    x, w = rng.normal(size=(5, nin)), rng.normal(size=(nin, nout))
    skip = np.concatenate([x] * skipped, axis=1) if skipped else 0.0
    plain = Layer(w=w, activation_function="relu")(x)
    np.testing.assert_allclose(Layer(w=w, activation_function="relu", resnet=True)(x), plain + skip, rtol=1e-14)


def test_first_values(rng):
    layer = Layer.initial(rng, 400, 600, use_timestep=True, bias_mean=2.0)
    assert np.std(layer.w) == pytest.approx(1000**-0.5, rel=0.01)
    assert np.mean(layer.b) == pytest.approx(2.0, abs=0.2) and np.std(layer.b) == pytest.approx(1.0, rel=0.1)
    assert np.mean(layer.idt) == pytest.approx(0.1, abs=1e-3) and 0.0 < np.std(layer.idt) < 2e-3


def test_fitting_net_has_time_steps_where_the_width_stays(rng):
    net = FittingNetwork.initial(rng, 4, 2, [6, 6, 3], trainable=(True, False, True, False))
    assert [layer.idt is not None for layer in net.layers] == [False, True, False, False]
    assert [layer.trainable for layer in net.layers] == [True, False, True, False]
    assert net(np.ones((7, 4))).shape == (7, 2)


def test_embedding_net_in_float32(rng):
    net = EmbeddingNetwork.initial(rng, 1, [2, 4], precision="float32", resnet_dt=True, bias=False)
    assert net.neuron == [2, 4] and net.layers[0].b is None
    assert net(np.ones((3, 1), np.float32)).dtype == np.float32


def test_collection_finds_the_net_of_a_pair():
    nets = NetworkCollection(networks=("00", "10", "20", "01", "11", "21", "02", "12", "22"), ndim=2, ntypes=3)
    assert [nets[1, 2], nets[2, 0], nets[0, 0]] == ["12", "20", "00"]


def test_layer_norm(rng):
    x, w, b = rng.normal(3.0, 2.0, (5, 8)), rng.normal(size=8), rng.normal(size=8)
    normal = (LayerNorm(w=w, b=b, eps=0.0)(x) - b) / w
    np.testing.assert_allclose(normal.mean(axis=-1), 0.0, atol=1e-13)
    np.testing.assert_allclose(normal.std(axis=-1), 1.0, rtol=1e-13)


@pytest.mark.parametrize(("name", "plain"), [("default", "float64"), ("double", "float64"), ("float", "float32")])
def test_precision_has_synonyms(name, plain):
    assert precision_name(name) == plain == numpy_dtype(name).name


def test_unknown_precision_is_an_input_error():
    with pytest.raises(InputError, match="'float8' is not supported"):
        numpy_dtype("float8")
