# SPDX-License-Identifier: LGPL-3.0-or-later
"""The native engine: deepmd-kit's numbers, NumPy's numbers for every model that it covers, and no crash."""

from __future__ import annotations

import ctypes
import json
import os
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deepmd.contract import document_to_bytes, new_document, read_document, write_document
from deepmd.errors import InputError, ResultError
from deepmd.infer import DeepPot
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.comparison import assert_close
from deepmd_dp.conformance.documents import in_double, random_document
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.reference_numbers import NAMES, REFERENCE, expected_terms
from deepmd_dp.native.library import EngineError, NotCoveredError
from deepmd_dp.native.model import Model
from deepmd_dp.neighbor.frame import check_frame
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

WITHOUT_ENGINE = (
    "dpa2",
    "atten_l2",
    "atten_smooth",
    "atten_econf_layernorm",
    "atten_option",
    "atten_strip_option",
    "dos",
    "dpa3",
    "hybrid_typed",
    "mask_nopbc",
    "pairwise_dprc",
    "population",
    "property",
    "sea_ebd_v2",
    "sea_tebd",
    "set_tebd",
    "spin",
)
COVERED = [name for name in NAMES if not name.startswith(WITHOUT_ENGINE)]
NET, MATRIX, ANGLES = 1e-12, 1e-11, 1e-10
"""How far the engine may be from deepmd-kit: with the nets themselves, with their polynomials, and with those of
angles, which lie in a hundred times the range."""


def without_attention(descriptor):
    """A section of the input as the engine covers it."""
    parts = {"list": list(map(without_attention, descriptor["list"]))} if "list" in descriptor else {}
    return {**descriptor, **parts, **({"attn_layer": 0} if descriptor["type"].startswith("se_atten") else {})}


ENGINE_CASES = [
    replace(case, descriptor=without_attention(case.descriptor))
    for case in CASES
    if "spin" not in case.model
    and case.descriptor["type"] not in ("dpa2", "dpa3", "se_a_ebd_v2", "se_e2_a_tebd", "se_e3_tebd")
    and case.fitting.get("type", "ener") in ("ener", "dipole", "polar")
]


def opened(document, folder):
    """The document's model by the engine and by NumPy."""
    path = folder / "model.safetensors"
    write_document(path, document)
    engine = NumpyDeepEval(str(path))
    assert engine._engine is not None
    return engine, NumpyDeepEval(str(path), native=False)


def assert_deepmd_kits_numbers(name, tolerance):
    model = NumpyDeepEval(str(REFERENCE / name / "model.dp"))
    assert model._engine is not None
    with np.load(REFERENCE / name / "data.npz") as data:
        atype = np.tile(data["atype"], (len(data["coord"]), 1))
        parameters = {key: data.get(key) for key in ("fparam", "aparam")}
        for boundary, box in (("pbc", data["box"]), ("nopbc", None)):
            results = model.eval(data["coord"], box, atype, atomic=True, **parameters)
            for term, expected in expected_terms(data, boundary, model.outputs).items():
                allowed = 1e-5 if "f32" in name else tolerance
                assert_close(results[term], expected.reshape(results[term].shape), allowed, term)


@pytest.mark.parametrize("name", COVERED)
def test_numbers_of_deepmd_kit(name):
    assert_deepmd_kits_numbers(name, ANGLES if name.startswith("set") else MATRIX)


@pytest.mark.parametrize("name", COVERED)
def test_numbers_of_deepmd_kit_with_nets(name, monkeypatch):
    monkeypatch.setenv("DEEPMD_PLAIN_NETS", "1")
    assert_deepmd_kits_numbers(name, NET)


@pytest.mark.parametrize("instructions", ["generic", "avx2", "avx512"])
@pytest.mark.parametrize("name", ["sea", "ser", "atten_v2", "dipole", "sea_f32"])
def test_all_instruction_sets(name, instructions, monkeypatch):
    monkeypatch.setenv("DEEPMD_INSTRUCTIONS", instructions)
    try:
        assert_deepmd_kits_numbers(name, MATRIX)
    except EngineError as error:
        assert instructions != "generic"
        pytest.skip(str(error))


@pytest.mark.parametrize("plain", [False, True], ids=["matrices", "nets"])
@pytest.mark.parametrize("case", ENGINE_CASES, ids=str)
def test_numbers_of_numpy(case, plain, tmp_path, monkeypatch):
    if plain:
        monkeypatch.setenv("DEEPMD_PLAIN_NETS", "1")
    engine, _ = opened(random_document(case), tmp_path)
    (tmp_path / "double").mkdir()
    _, numpy = opened(in_double(random_document(case)), tmp_path / "double")
    for frames in FRAMES.values():
        dims = (0 if engine.has_default_fparam() else engine.get_dim_fparam(), engine.get_dim_aparam())
        arguments = (frames.coords, frames.cells, frames.atom_types, True)
        results, expected = (each.eval(*arguments, **frames.parameters(*dims)) for each in (engine, numpy))
        for term in expected:
            tolerance = ANGLES if case.descriptor["type"] == "se_e3" else MATRIX
            assert_close(results[term], expected[term], tolerance if case.is_double else 1e-5, term)


@pytest.mark.parametrize("name", ["sea_real_like", "sea_one_side", "atten_v2", "hybrid", "dipole", "zbl", "set_real"])
def test_atoms_with_ghosts_give_the_same_as_numpy(name):
    path = str(REFERENCE / (name if (REFERENCE / name).is_dir() else "sea_one_side_real") / "model.dp")
    rng = np.random.default_rng(3)
    mapping = np.concatenate([np.arange(6), rng.integers(0, 6, 20)])
    coord = rng.uniform(0, 6, (1, 26, 3))
    types = (np.arange(6) % 2)[mapping][None]
    terms = [
        NumpyDeepEval(path, native=native).eval_with_ghosts(coord, types, mapping[None], 6, atomic=True)
        for native in (True, False)
    ]
    assert set(terms[0]) == set(terms[1])
    for term in terms[0]:
        assert_close(terms[0][term], terms[1][term], MATRIX, term)


def water_like(model, natoms, nframes=1):
    """Atoms on a jittered grid, more than a block has."""
    rng = np.random.default_rng(4)
    side = int(np.ceil(natoms ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), -1).reshape(-1, 3)[:natoms]
    coord = (grid + rng.uniform(-0.2, 0.2, grid.shape)) * 2.0
    return np.tile(coord, (nframes, 1, 1)), np.tile(np.eye(3) * 2.0 * side, (nframes, 1, 1)), None


@pytest.mark.parametrize("nthreads", ["1", "2", "3"])
@pytest.mark.parametrize("name", ["atten_v2", "sea_three_types", "dipole_real", "zbl"])
def test_many_blocks_and_threads(name, nthreads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", nthreads)
    path = str(REFERENCE / name / "model.dp")
    model = NumpyDeepEval(path)
    coord, box, _ = water_like(model, 200)
    types = np.arange(200)[None] % len(model.get_type_map())
    types[0, ::17] = -1
    expected = NumpyDeepEval(path, native=False).eval(coord, box, types, atomic=True)
    for _ in range(2):  # buffers are used again
        results = model.eval(coord, box, types, atomic=True)
        for term in expected:
            assert_close(results[term], expected[term], MATRIX, term)


def test_types_that_are_not_there():
    """Matrices of the types that are present, with the empty slots of all."""
    path = str(REFERENCE / "sea_three_types" / "model.dp")
    coord, box, _ = water_like(None, 30)
    for types in (np.full((1, 30), 2), np.arange(30)[None] % 2, np.full((1, 30), -1)):
        results, expected = (
            NumpyDeepEval(path, native=native).eval(coord, box, types, atomic=True) for native in (True, False)
        )
        for term in expected:
            assert_close(results[term], expected[term], MATRIX, term)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("atten_l2", "attention layers"),
        ("dos", "the fitting dos"),
        ("dpa2_three_body", "the descriptor dpa2"),
        ("dpa3_dynamic", "the descriptor dpa3"),
        ("mask_nopbc", "the descriptor se_a_mask"),
        ("population_real", "the fitting population"),
        ("property_real", "the fitting property"),
        ("sea_ebd_v2", "the descriptor se_a_ebd_v2"),
        ("sea_tebd", "the descriptor se_e2_a_tebd"),
        ("set_tebd_real", "the descriptor se_e3_tebd"),
    ],
)
def test_what_is_not_covered_is_refused_by_name(name, what):
    with pytest.raises(
        NotCoveredError, match=f"^the native engine does not cover {what}; freeze the model for a [^\n]*$"
    ):
        Model(document_to_bytes(read_document(REFERENCE / name / "model.dp")), 1)


def test_a_list_that_is_wider_than_the_own_cut_off_is_refused():
    document = read_document(REFERENCE / "hybrid_typed" / "model.dp")
    typed = document["model"]["descriptor"]["list"][0]
    typed["attention_layers"] |= {"attention_layers": [], "layer_num": 0}
    typed["attn_layer"] = 0
    with pytest.raises(NotCoveredError, match="a mean of the environment in an se_atten beside a descriptor of a "):
        Model(document_to_bytes(document), 1)
    typed["@variables"]["davg"][:] = 0.0
    Model(document_to_bytes(document), 1)


@pytest.mark.parametrize("kind", ["spin_ener", "pairwise_dprc"])
def test_kinds_of_models_without_frozen_files_for_programs_are_for_python(kind):
    """They are not to be frozen either: C++ runs none of their files."""
    document = read_document(REFERENCE / "spin" / "model.dp")
    document["model"]["type"] = kind
    with pytest.raises(NotCoveredError, match=f"^models of the kind {kind} are evaluated in Python only$"):
        Model(document_to_bytes(document), 1)


def test_models_that_are_not_covered_run_in_numpy():
    assert NumpyDeepEval(str(REFERENCE / "atten_l2" / "model.dp"))._engine is None


def combination(models, weights, **entries):
    """A document of a linear combination."""
    rng = np.random.default_rng(3)
    arrays = {"out_bias": rng.normal(size=(1, 2, 1)), "out_std": np.ones((1, 2, 1))}
    head = {"@class": "Model", "type": "linear", "@version": 3, "type_map": ["O", "H"]}
    tree = {**head, "atom_exclude_types": [], "pair_exclude_types": [], **entries, "@variables": arrays}
    return {**tree, "models": models, "weights": weights}


def test_parts_that_number_their_own_types_are_not_covered():
    net = read_document(REFERENCE / "sea_fparam_aparam" / "model.dp")["model"]
    tree = combination([net, {**net, "type_map": net["type_map"][::-1]}], "mean")
    with pytest.raises(NotCoveredError, match="cover models in a combination that number their own types"):
        Model(document_to_bytes(new_document(tree, backend="DP", model_def_script={})), 1)


def test_combinations_of_combinations(tmp_path):
    """Parts that leave out pairs and atoms of their own, with cut-offs of their own."""
    zbl, table, net = (
        read_document(REFERENCE / name / "model.dp")["model"] for name in ("zbl", "pairtab", "sea_fparam_aparam")
    )
    inner = combination([{**table, "pair_exclude_types": [[0, 1]]}, {**net, "atom_exclude_types": [0]}], "mean")
    tree = combination([zbl, inner, table], [0.3, -1.2, 0.0], pair_exclude_types=[[1, 1]])
    engine, numpy = opened(new_document(tree, backend="DP", model_def_script={}), tmp_path)
    for frames in FRAMES.values():
        arguments = (frames.coords, frames.cells, frames.atom_types, True)
        results, expected = (each.eval(*arguments, **frames.parameters(2, 1)) for each in (engine, numpy))
        for term in expected:
            assert_close(results[term], expected[term], MATRIX, term)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": []}, "model.models is empty"),
        ({"weights": [1.0]}, "model.weights has not one number for each model"),
        ({"weights": "median"}, "model.weights is neither sum nor mean nor numbers"),
    ],
)
def test_damaged_combinations(changes, message):
    table = read_document(REFERENCE / "pairtab" / "model.dp")["model"]
    tree = {**combination([table, table], "sum"), **changes}
    with pytest.raises(EngineError, match=re.escape(message)):
        Model(document_to_bytes(new_document(tree, backend="DP", model_def_script={})), 1)


@pytest.mark.parametrize("name", ["zbl", "set_real"])
def test_forces_are_derivatives(name):
    """Independent of any framework: a line in the space of an atom's coordinates."""
    model = NumpyDeepEval(str(REFERENCE / name / "model.dp"))
    frames = FRAMES["periodic and triclinic"]
    coord, cell, types = frames.coords[1:] * (0.8 if name == "zbl" else 1.0), frames.cells[1:], frames.atom_types[1:]
    step = 1e-4 * np.random.default_rng(2).normal(size=coord.shape)
    low, high = (model.eval(coord + sign * step, cell, types, False)["energy"] for sign in (-1, 1))
    force = model.eval(coord, cell, types, False)["force"]
    assert abs(float(np.squeeze(high - low)) / 2 + np.sum(force * step)) < 1e-9 * max(1.0, np.max(np.abs(force)))


def test_polarizabilities_by_deep_tensor():
    """The C interface of deepmd-kit; there are no derivatives."""
    package = pytest.importorskip("deepmd_cc.model", exc_type=ImportError)
    library, path = ctypes.CDLL(str(package.library_path())), REFERENCE / "polar_real" / "model.dp"
    library.DP_NewDeepTensor.restype = ctypes.c_void_p
    tensor = ctypes.c_void_p(library.DP_NewDeepTensor(str(path).encode()))
    assert library.DP_DeepTensorGetOutputDim(tensor) == 9
    with np.load(path.parent / "data.npz") as data:
        coord, box, types = (np.ascontiguousarray(each) for each in (data["coord"][0], data["box"][0], data["atype"]))
        coord, types = coord.astype(np.float64), types.astype(np.int32)
        expected = NumpyDeepEval(str(path)).eval(coord[None], box[None], types[None], True)
    whole, atoms, size = np.zeros(9), ctypes.POINTER(ctypes.c_double)(), ctypes.c_int()
    library.DP_DeepTensorCompute(
        tensor,
        len(types),
        *(ctypes.c_void_p(each.ctypes.data) for each in (coord, types, box, whole)),
        *(None, None, ctypes.byref(atoms), None, ctypes.byref(size)),
    )
    assert size.value == 9 * len(types)
    assert_close(whole, expected["polarizability"][0], NET, "sum")
    own = np.ctypeslib.as_array(atoms, (size.value,)).reshape(-1, 9)
    assert_close(own, expected["atom_polarizability"][0].reshape(-1, 9), NET, "atoms")
    library.DP_DeleteDouble(atoms)
    library.DP_DeleteDeepTensor(tensor)


def test_what_the_record_says(monkeypatch):
    data = document_to_bytes(read_document(REFERENCE / "sea_fparam_aparam" / "model.dp"))
    record = json.loads(Model(data, 1).record)
    assert record["model"]["type_map"] == ["O", "H"]
    assert record["model"]["dim_fparam"] == 2
    assert [output["name"] for output in record["outputs"]] == [
        *("energy", "atom_energy", "force", "virial", "atom_virial")
    ]
    assert "intervals of 16 polynomials" in record["embedding"]
    monkeypatch.setenv("DEEPMD_PLAIN_NETS", "1")
    assert json.loads(Model(data, 1).record)["embedding"] == "se_e2_a: nets"
    document = read_document(REFERENCE / "dipole_real" / "model.dp")
    document["model"]["atom_exclude_types"] = [1]
    assert json.loads(Model(document_to_bytes(document), 1).record)["model"]["sel_types"] == [0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"coord": [[0, 0, 0], [np.nan, 0, 0]]}, ValueError, r"coordinates of atom 1 are \(nan"),
        ({"types": [0, 5]}, ValueError, "atom 1 has type 5"),
        ({"fparam": None}, InputError, "the model needs fparam of 2 numbers"),
        ({"aparam": None}, InputError, "the model needs aparam of 1 numbers an atom"),
    ],
)
def test_mistakes_are_named(changes, error, message):
    model = NumpyDeepEval(str(REFERENCE / "sea_fparam_aparam" / "model.dp"))
    given = {
        "coord": [[0, 0, 0], [1, 0, 0]],
        "types": [0, 1],
        "fparam": [0.0, 0.0],
        "aparam": [[0.0], [0.0]],
        **changes,
    }
    arrays = {key: None if value is None else np.array([value]) for key, value in given.items()}
    with pytest.raises(error, match=message):
        model.eval(arrays["coord"].astype(float), None, arrays["types"], False, arrays["fparam"], arrays["aparam"])


@pytest.mark.parametrize("plain", [False, True], ids=["matrices", "nets"])
@pytest.mark.parametrize("name", [name for name in COVERED if not re.search("dipole|polar|exclude", name)])
def test_atoms_at_the_same_place_are_named_with_their_frame(name, plain, monkeypatch):
    """In later parts of the frames too, whatever the nets make of a distance of zero."""
    if plain:
        monkeypatch.setenv("DEEPMD_PLAIN_NETS", "1")
    model = DeepPot(REFERENCE / name / "model.dp", auto_batch_size=12)
    coord, box, _ = water_like(model, 12, nframes=3)
    coord[2, 10] = coord[2, 4]
    types = np.arange(12) % model.get_ntypes()
    parameters = [np.full(shape, 0.1) for shape in (model.get_dim_fparam(), (12, model.get_dim_aparam()))]
    with pytest.raises(ResultError, match=r"^frame 2: the model's energy is not finite; atoms 4 and 10 are at the"):
        model.eval(coord, box, types, False, *(each if each.size else None for each in parameters))


def damaged(data, rng):
    """The bytes cut, or some of them changed, or a value in the tree replaced."""
    length = int.from_bytes(data[:8], "little")
    kind = rng.randrange(3)
    if kind == 0:
        return data[: rng.randrange(len(data))]
    if kind == 1:
        changed = bytearray(data)
        for _ in range(4):
            changed[rng.randrange(rng.choice([16, 8 + length]))] = rng.randrange(256)
        return bytes(changed)
    header = json.loads(data[8 : 8 + length])
    tree = json.loads(header["__metadata__"]["deepmd"])
    parent, key = {"": tree["model"]}, ""
    while isinstance(parent[key], (dict, list)) and parent[key] and rng.random() < 0.85:
        parent = parent[key]
        key = rng.choice(list(parent)) if isinstance(parent, dict) else rng.randrange(len(parent))
    parent[key] = rng.choice([None, -1, 0, 1e30, "x", [], {}, True, [1, 2], 10**9])
    header["__metadata__"]["deepmd"] = json.dumps(tree)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


@pytest.mark.parametrize("name", ["sea", "atten_v2", "hybrid", "dipole", "zbl", "set"])
def test_damaged_files_give_an_error_of_one_line(name):
    data, rng = document_to_bytes(read_document(REFERENCE / name / "model.dp")), random.Random(1)
    frame = check_frame(np.arange(12.0).reshape(4, 3) ** 1.1, None, [0, 1, 1, 0], None)
    errors = []
    for _ in range(200):
        try:
            model = Model(damaged(data, rng), 1)
            model.compute(frame, 4, atomic=True)
        except EngineError as error:
            errors.append(str(error))
    assert len(errors) > 100
    assert not any("\n" in error for error in errors)


def test_trees_that_are_too_deep():
    """What goes down such a tree by recursion would run out of its stack."""
    tree = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    header = json.dumps({"__metadata__": {"deepmd": tree.decode()}}).encode()
    for text in (header, tree):
        with pytest.raises(EngineError, match="its tree is deeper than that of a model"):
            Model(len(text).to_bytes(8, "little") + text, 1)


def test_newer_models_say_so():
    document = read_document(REFERENCE / "sea" / "model.dp")
    document["model"]["descriptor"]["@version"] = 9
    with pytest.raises(EngineError, match=r"model\.descriptor has version 9, written by a newer version"):
        Model(document_to_bytes(document), 1)


@pytest.mark.parametrize("suffix", [".safetensors", ".dp"])
@pytest.mark.parametrize("name", COVERED)
def test_plugin_for_cpp_programs(name, suffix, tmp_path):
    """The same code behind the plain C interface, by way of libdeepmd_cc."""
    cc = pytest.importorskip("deepmd_cc.model", exc_type=ImportError)
    path = Path(tmp_path, f"model{suffix}")
    write_document(path, read_document(REFERENCE / name / "model.dp"))
    model = cc.Model(path, nthreads=1)
    assert model.backend == "native"
    python = NumpyDeepEval(str(path))
    with np.load(REFERENCE / name / "data.npz") as data:
        for box in (data["box"][1], None):
            parameters = [data[key][1] if key in data else None for key in ("fparam", "aparam")]
            terms = model.compute(data["coord"][1], box, data["atype"], *parameters, atomic=True)
            batch = [None if x is None else x[None] for x in (data["coord"][1], box, data["atype"], *parameters)]
            expected = python.eval(*batch[:3], True, *batch[3:])
            for term in expected:
                shape = expected[term][0].shape
                assert_close(terms[term].reshape(shape), expected[term][0], 1e-5 if "f32" in name else 1e-12, term)


@pytest.mark.parametrize("suffix", [".safetensors", ".dp"])
def test_a_flipped_bit_is_found_in_cpp_too(suffix, tmp_path):
    cc = pytest.importorskip("deepmd_cc.model", exc_type=ImportError)
    path, rng = Path(tmp_path, f"model{suffix}"), random.Random(2)
    write_document(path, read_document(REFERENCE / "sea" / "model.dp"))
    whole = path.read_bytes()
    for _ in range(50):
        place = rng.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << rng.randrange(8))]) + whole[place + 1 :])
        with pytest.raises(cc.ModelError, match=r"model\.\w+ is damaged: its contents are not what was written"):
            cc.Model(path, nthreads=1)


def resident_size():
    """Memory of this process [MB]."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.parametrize("name", ["sea", "hybrid"])
def test_closing_frees(name):
    """In C++ programs; benchmarks/growth.py does it ten thousand times."""
    cc = pytest.importorskip("deepmd_cc.model", exc_type=ImportError)
    sizes = []
    for _ in range(200):
        model = cc.Model(REFERENCE / name / "model.dp", nthreads=2)
        model.compute(np.arange(12.0).reshape(4, 3) ** 1.1, None, np.arange(4) % 2, atomic=True)
        model.close()
        sizes.append(resident_size())
    assert sizes[-1] - sizes[10] < 1.0
