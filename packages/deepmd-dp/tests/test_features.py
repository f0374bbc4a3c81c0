# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is inside of models: what the fitting's last layer takes, and the embedding of the types."""

import numpy as np
import pytest

from deepmd.contract import write_document
from deepmd.errors import InputError
from deepmd.infer import DeepPot
from deepmd_dp.conformance.cases import CASES_DOUBLE
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.dialect.module import modules
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.type_embedding import TypeEmbedNet

CASES = {case.name: random_document(case) for case in CASES_DOUBLE}
FEW = ["se_e2_a: plain", "se_e2_a: frame and atomic parameters", "se_atten_v2: no attention, one side"]


@pytest.fixture(params=FEW)
def document(request):
    return CASES[request.param]


def opened(document, folder):
    write_document(folder / "model.dp", document)
    return DeepPot(folder / "model.dp")


def test_the_last_layer_makes_the_energies_of_atoms(document, tmp_path):
    model, tree = opened(document, tmp_path), deserialize_model(document["model"])
    frames = FRAMES["periodic and triclinic"]
    parameters = frames.parameters(model.get_dim_fparam(), model.get_dim_aparam())
    given = (frames.coords, frames.cells, frames.atom_types)
    features = model.eval_fitting_last_layer(*given, mixed_type=True, **parameters)
    energies = model.eval(*given, mixed_type=True, atomic=True, **parameters)[3]
    nets = tree.fitting.nets
    for kind in range(len(tree.type_map)):
        last = nets.networks[0 if nets.mixed_types else kind].layers[-1]
        bias = nets.bias_atom_e[kind] + tree.out_bias[0, kind]
        chosen = frames.atom_types == kind
        np.testing.assert_allclose(features[chosen] @ last.w + last.b + bias, energies[chosen], atol=1e-12)
    single = model.eval_fitting_last_layer(*given, mixed_type=True, dtype="fp32", **parameters)
    assert single.dtype == np.float32


def test_the_embedding_of_types(tmp_path):
    document = CASES["se_atten_v2: no attention, one side"]
    tree = deserialize_model(document["model"])
    ((_, net),) = modules(tree, TypeEmbedNet)
    np.testing.assert_array_equal(opened(document, tmp_path).eval_typeebd(), net())
    with pytest.raises(InputError, match="this model has no embedding of types"):
        opened(CASES["se_e2_a: plain"], tmp_path).eval_typeebd()


def test_the_model_itself(tmp_path):
    model = opened(CASES["se_e2_a: plain"], tmp_path).get_model()
    assert model.type_map == ("O", "H")
