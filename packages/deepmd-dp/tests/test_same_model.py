# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training starts from a model only if it is the one that the input asks for."""

from __future__ import annotations

import logging
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from deepmd.contract import new_document, write_document
from deepmd.errors import InputError, ModelFileError
from deepmd.train.model_section import join_sections
from deepmd_dp.conformance.cases import TABLE, part
from deepmd_dp.kit.same_model import check_same
from deepmd_dp.model import deserialize_model, new_model
from deepmd_dp.nn.matrix import bases_of, with_bases, with_these_bases

NET = {
    "type_map": ["O", "H"],
    "descriptor": {**part(type="se_e2_a"), "type": "se_e2_a"},
    "fitting_net": {"neuron": [4]},
}
INNER = {key: value for key, value in NET.items() if key != "type_map"}
ATTENTION = {**NET, "descriptor": {**part(type="se_atten"), "type": "se_atten", "set_davg_zero": True}}
TABLE_OF_PAIRS = {"type": "pairtab", "tab_file": TABLE, "rcut": 3.2, "sel": 20}
NEAR = {"use_srtab": TABLE, "sw_rmin": 1.2, "sw_rmax": 2.1}


def combined(*models):
    return {"type": "linear_ener", "type_map": ["O", "H"], "weights": "sum", "models": list(models)}


def with_fitting(**keys):
    return {**NET, "fitting_net": {"neuron": [4], **keys}}


@pytest.fixture
def document(model_section):
    """That of a new model of a section."""

    def make(section, seed=1):
        normalized = model_section(**deepcopy(section))
        tree = new_model(normalized, np.random.default_rng(seed)).serialize()
        return new_document(tree, backend="dp", model_def_script=normalized)

    return make


def start(section, there):
    """As a trainer does."""
    joined = join_sections(section, there)
    check_same(deserialize_model(there["model"]), new_model(joined, np.random.default_rng(2)), joined)


@pytest.mark.parametrize(
    ("one", "other", "key"),
    [
        (combined(NET, INNER), combined(NET, {**INNER, **NEAR}), "models/1/use_srtab"),
        (combined(NET, INNER), combined(NET, {**INNER, "type_map": ["H", "O"]}), "models/1/type_map"),
        ({**NET, **NEAR}, {**NET, **NEAR, "smin_alpha": 0.2}, "smin_alpha"),
        (with_fitting(type="dipole"), with_fitting(type="dipole", sel_type=[0]), "fitting_net/sel_type"),
        (ATTENTION, {**ATTENTION, "descriptor": {**ATTENTION["descriptor"], "temperature": 2.0}}, "temperature"),
        (
            {**NET, "spin": {"use_spin": [True, False], "virtual_scale": [0.3]}},
            {**NET, "spin": {"use_spin": [True, False], "virtual_len": [0.4], "spin_norm": [1.0]}},
            "spin/virtual_scale",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_key_without_a_default_is_missed_anywhere(one, other, key, document, model_section):
    for given, there in ((one, other), (other, one)):
        with pytest.raises(InputError, match=rf"asks for another model than the checkpoint's: .*{key} "):
            start(model_section(**deepcopy(given)), document(there))


def test_settings_are_compared_where_a_file_does_not_tell_its_section(document, model_section):
    there = document(NET) | {"model_def_script": {}}
    start(model_section(**NET), there)
    section = model_section(**{**NET, "descriptor": {**NET["descriptor"], "env_protection": 0.1}})
    with pytest.raises(InputError, match=r"env_protection is 0.0 there, 0.1 here; take its settings"):
        start(section, there)


def test_how_it_was_begun_is_told_and_stays(document, model_section, caplog):
    with caplog.at_level(logging.WARNING):
        start(model_section(**with_fitting(atom_ener=[-1.0, None])), document(NET))
    assert "fitting.atom_ener is (-1.0, None) in the input; the model to start from has (), which stays." in caplog.text


@pytest.mark.parametrize("kind", ["frozen", "pairtab", "use_srtab"])
def test_what_files_hold_is_compared(kind, tmp_path, document, model_section):
    """By its numbers: the file may have moved, but another one must not be passed over."""
    path, moved = tmp_path / "a", tmp_path / "b"
    if kind == "frozen":
        path, moved = path.with_suffix(".dp"), moved.with_suffix(".dp")
        write_document(path, document(NET))
    else:
        path.write_bytes(Path(TABLE).read_bytes())
    moved.write_bytes(path.read_bytes())

    def section(file):
        others = {
            "frozen": {"type": "frozen", "model_file": str(file)},
            "pairtab": {**TABLE_OF_PAIRS, "tab_file": str(file)},
            "use_srtab": {**INNER, **NEAR, "use_srtab": str(file)},
        }
        return combined(NET, others[kind])

    there = document(section(path))
    start(model_section(**section(moved)), there)
    if kind == "frozen":
        write_document(path, document(NET, seed=3))
    else:
        table = np.loadtxt(TABLE)
        table[:, 1:] *= 2.0
        np.savetxt(path, table)
    with pytest.raises(InputError, match=r"other numbers than the file that the input names for it, in models\.1\."):
        start(model_section(**section(path)), there)


def test_bases_are_told_to_the_bit(document):
    model = with_bases(deserialize_model(document(NET)["model"]), 0.7)
    told = bases_of(model)
    assert bases_of(with_these_bases(deserialize_model(document(NET)["model"]), told)) == told != {}


@pytest.mark.parametrize("bounds", [[], [0.1], [0.2, 0.1], [0.1, float("nan")], ["a", "b"], [0.0] * 400])
def test_bases_that_are_none_are_refused(bounds, document):
    with pytest.raises(ModelFileError, match=r"intervals of descriptor\.two_body are not numbers that ascend"):
        with_these_bases(deserialize_model(document(NET)["model"]), {"descriptor.two_body": bounds})
