# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names that deepmd-kit has and programs import."""

from __future__ import annotations

import inspect
import pickle
from importlib import import_module

import numpy as np
import pytest
from morse import install, write_model
from toy_data import write_system

import deepmd
from deepmd.errors import DataError, InputError, ModelFileError
from deepmd.infer import DeepEval, DeepPot, DeepPotential
from deepmd.infer.batch_size import AutoBatchSize

COORD = np.array([[[1.0, 0.0, 0.0], [0.0, 0.0, 1.5], [1.0, 0.0, 3.0]]])
TYPES = [1, 0, 1]


@pytest.fixture
def model(tmp_path, monkeypatch):
    install(monkeypatch)
    return write_model(tmp_path / "model.morse")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("deepmd", "DeepPotential __version__"),
        ("deepmd.__about__", "__version__"),
        ("deepmd._version", "version"),
        ("deepmd.common", "j_loader expand_sys_str"),
        ("deepmd.entrypoints.test", "test"),
        ("deepmd.infer", "DeepDOS DeepGlobalPolar DeepPolar DeepPopulation DeepProperty DeepWFC"),
        ("deepmd.infer.deep_dos", "DeepDOS"),
        ("deepmd.infer.deep_eval", "DeepEval DeepEvalBackend"),
        ("deepmd.infer.deep_polar", "DeepPolar DeepGlobalPolar"),
        ("deepmd.infer.deep_population", "DeepPopulation"),
        ("deepmd.infer.deep_property", "DeepProperty"),
        ("deepmd.infer.deep_wfc", "DeepWFC"),
        ("deepmd.utils.argcheck", "normalize gen_args gen_doc gen_json gen_json_schema"),
        ("deepmd.utils.batch_size", "AutoBatchSize"),
        ("deepmd.loggers", "set_log_handles"),
        ("deepmd.utils.compat", "update_deepmd_input convert_input_v0_v1 convert_input_v1_v2"),
        ("deepmd.utils.data", "DeepmdData"),
        ("deepmd.utils.data_system", "DeepmdDataSystem get_data process_systems"),
        ("deepmd.utils.path", "DPPath"),
        ("deepmd.utils.random", "choice random seed shuffle"),
    ],
)
def test_names_are_there(module, names):
    found = import_module(module)
    assert all(hasattr(found, name) for name in names.split())


@pytest.mark.parametrize(
    ("name", "counterpart"),
    [
        ("deepmd.pt.model.model", "deepmd_pt"),
        ("deepmd.tf.env", "deepmd_tf"),
        ("deepmd.tf2", "deepmd_tf"),
        ("deepmd.jax.jax_md", "deepmd_jax"),
        ("deepmd.pd.utils", "deepmd_pd"),
        ("deepmd.pt_expt", "deepmd_pt"),
        ("deepmd.dpmodel.output_def", "deepmd_dp"),
        ("deepmd.env", "deepmd_pt, deepmd_tf"),
        ("deepmd.DeepPot", r"deepmd\.infer\.DeepPot"),
        ("deepmd.Data", r"deepmd\.utils\.data\.DeepmdData"),
        ("deepmd.descriptor.se_a", "deepmd_dp"),
    ],
)
def test_the_inside_of_deepmd_kit_names_our_counterpart(name, counterpart):
    with pytest.raises(
        ModuleNotFoundError, match=f"is a part of deepmd-kit's inside that is not here: .*{counterpart}"
    ):
        import_module(name)


def test_what_is_nowhere_is_an_ordinary_error():
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'deepmd\.xyzzy'"):
        import_module("deepmd.xyzzy")
    with pytest.raises(ImportError, match="cannot import name 'DeepXyzzy'"):
        from deepmd.infer import DeepXyzzy  # noqa: F401


def test_models_are_opened_by_all_names_and_with_old_arguments(model):
    assert isinstance(deepmd.DeepPotential(model), DeepPot)
    assert isinstance(DeepPotential(model), DeepPot)
    assert isinstance(DeepPot(model, True), DeepPot)
    assert isinstance(pickle.loads(pickle.dumps(DeepPot(model, True))), DeepPot)
    # dpdata looks there for what it may give
    assert "auto_batch_size" in DeepPot.__init__.__code__.co_varnames
    assert list(inspect.signature(DeepPot).parameters)[:2] == ["model_file", "args"]


def test_pretrained_models_are_files_here():
    with pytest.raises(ModelFileError, match=r"there is no model file DPA-3\.2-5M .*not fetched by name: give a file"):
        DeepPot("DPA-3.2-5M")


def test_a_model_of_another_kind_is_refused(model):
    from deepmd.infer import DeepDOS

    assert issubclass(DeepDOS, DeepEval)
    with pytest.raises(InputError, match=r"is a model of 'energy', not of 'dos': open it by DeepPot"):
        DeepDOS(model)


def test_the_backends_side_has_deepmd_kits_names(model):
    dp = DeepPot(model, auto_batch_size=7)
    inside = dp.deep_eval
    assert (inside.type_map, inside.ntypes, inside.rcut) == (dp.get_type_map(), dp.get_ntypes(), dp.get_rcut())
    assert inside.model_path == str(model)
    assert isinstance(inside.auto_batch_size, AutoBatchSize)
    assert inside.get_dim_fparam() == dp.get_dim_fparam()
    results = inside.eval(COORD, None, TYPES, atomic=True)
    shapes = {
        "energy_redu": (1, 1, 1),
        "energy_derv_r": (1, 1, 3, 3),
        "energy_derv_c_redu": (1, 1, 9),
        "energy": (1, 3, 1, 1),
        "energy_derv_c": (1, 1, 3, 9),
    }
    assert {name: values.shape for name, values in results.items()} == shapes
    for name, values in zip(shapes, dp.eval(COORD, None, TYPES, atomic=True), strict=True):
        assert np.array_equal(results[name].ravel(), values.ravel())
    assert inside.eval(COORD, None, TYPES).keys() == {"energy_redu", "energy_derv_r", "energy_derv_c_redu"}
    with pytest.raises(AttributeError, match="no attribute 'xyzzy'"):
        inside.xyzzy  # noqa: B018


def test_inputs_are_read_and_brought_to_todays_form(tmp_path):
    from deepmd.common import j_loader
    from deepmd.utils.argcheck import gen_args
    from deepmd.utils.compat import update_deepmd_input

    old = {"model": {}, "learning_rate": {"start_lr": 1.0}, "training": {"systems": ["a"], "numb_test": 3}}
    modern = update_deepmd_input(old, warning=False, dump=tmp_path / "input.json")
    assert modern["training"] == {"training_data": {"systems": ["a"]}}
    assert j_loader(tmp_path / "input.json") == modern
    assert {"model", "training"} <= {argument.name for argument in gen_args()}


def test_systems_are_found(tmp_path):
    from deepmd.common import expand_sys_str

    assert expand_sys_str(tmp_path) == []
    write_system(tmp_path / "a" / "b")
    assert expand_sys_str(tmp_path) == [str(tmp_path / "a" / "b")]


def test_systems_are_found_by_patterns_and_for_inputs(tmp_path):
    from deepmd.common import rglob_sys_str
    from deepmd.utils.data_system import get_data, process_systems

    for name in ("a", "b"):
        write_system(tmp_path / name, [0, 1, 1], 4)
    assert rglob_sys_str(tmp_path, ["a*"]) == [str(tmp_path / "a")]
    assert rglob_sys_str(tmp_path, ["c*"]) == []
    assert process_systems(str(tmp_path)) == [str(tmp_path / "a"), str(tmp_path / "b")]
    data = get_data({"systems": [str(tmp_path)], "batch_size": 2}, 6.0, ["O", "H"], None)
    assert (data.get_nsystems(), data.get_nbatches()) == (2, [2, 2])


def test_keys_and_atoms_are_found():
    from deepmd.common import j_must_have, select_idx_map

    assert j_must_have({"stop_batch": 3}, "numb_steps", ["stop_batch"]) == 3
    with pytest.raises(InputError, match="numb_steps is missing"):
        j_must_have({}, "numb_steps")
    assert select_idx_map([1, 0, 2, 0, 1], [1, 0]).tolist() == [1, 3, 0, 4]


def test_errors_of_systems_are_put_together():
    from deepmd.utils.weight_avg import weighted_average

    errors = [{"rmse_e": (3.0, 1), "mae_e": (1.0, 3)}, {"rmse_e": (4.0, 1), "mae_e": (5.0, 1), "mae_f": (2.0, 7)}]
    assert weighted_average(errors) == pytest.approx({"rmse_e": 12.5**0.5, "mae_e": 2.0, "mae_f": 2.0})
    with pytest.raises(ValueError, match="energy is neither"):
        weighted_average([{"energy": (1.0, 1)}])


def test_a_seed_gives_the_same_numbers_again():
    from deepmd.utils import random as dp_random

    dp_random.seed(1)
    first = dp_random.random(3)
    dp_random.seed(1)
    assert np.array_equal(dp_random.random(3), first)


def test_data_come_as_dicts(tmp_path):
    from deepmd.utils.data import DeepmdData
    from deepmd.utils.data_system import DeepmdDataSystem

    arrays = write_system(tmp_path / "a", [0, 1, 1], 4)
    write_system(tmp_path / "b", [0, 1, 1], 4, pbc=False)
    data = DeepmdData(str(tmp_path / "a"), shuffle_test=False).add("energy", 1, must=True).add("force", 3, atomic=True)
    test = data.add("virial", 9).get_test()
    for name in ("coord", "box", "energy", "force"):
        assert np.array_equal(test[name], arrays[name])
    assert (test["find_energy"], test["find_virial"], test["virial"].shape) == (1.0, 0.0, (4, 9))
    assert np.array_equal(test["type"], [[0, 1, 1]] * 4)
    assert len(data.get_test(2)["coord"]) == 2
    assert [len(data.get_batch(3)["coord"]) for _ in range(3)] == [3, 1, 3]
    assert (data.get_natoms(), data.get_ntypes(), data.get_type_map(), data.get_numb_set()) == (3, 2, ["O", "H"], 1)
    assert DeepmdData(str(tmp_path / "b")).get_test()["find_box"] == 0.0

    several = DeepmdDataSystem([str(tmp_path / "a"), str(tmp_path / "b")], 2, type_map=["O", "H"])
    several.add_dict({"energy": {"ndof": 1, "atomic": False, "must": True, "high_prec": True}})
    assert several.get_batch()["energy"].shape == (2, 1)
    assert (several.get_nsystems(), several.get_nbatches(), several.get_type_map()) == (2, [2, 2], ["O", "H"])


def test_paths_load_arrays(tmp_path):
    from deepmd.utils.path import DPPath

    path = DPPath(str(tmp_path)) / "x.npy"
    path.save_numpy(np.arange(3))
    assert np.array_equal(DPPath(path).load_numpy(), np.arange(3))
    (tmp_path / "x.raw").write_text("1 2")
    assert np.array_equal((DPPath(tmp_path) / "x.raw").load_txt(dtype=int), [1, 2])
    with pytest.raises(DataError, match="lies in an HDF5 file"):
        DPPath("data.hdf5#/a")


def test_the_function_of_dp_test(model, tmp_path):
    from deepmd.entrypoints.test import test

    write_system(tmp_path / "data", [0, 1, 1], 4)
    errors = test(model=str(model), system=str(tmp_path / "data"), numb_test=2, head=None, set_prefix="set")
    assert errors["rmse_ea"] > 0
    with pytest.raises(InputError, match="does not take head"):
        test(model=str(model), system=str(tmp_path / "data"), head="water")
