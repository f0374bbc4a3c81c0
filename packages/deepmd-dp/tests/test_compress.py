# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models in deepmd-kit's compressed form: its files and ours. The data are made by deepmd-kit 3.2.0, `numbers.json` of
its `.dp` backend: the energies of compressed models and of the models they were made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from deepmd.contract import read_document, walk_arrays, write_document
from deepmd.contract.self_test import Difference
from deepmd.errors import InputError, ModelFileError
from deepmd.main import main
from deepmd_dp.conformance.cases import CASES_DOUBLE
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.network import EmbeddingNetwork
from deepmd_dp.nn.table import Pieces
from deepmd_dp.numpy_backend.compress import compress, make_table, value_slope_curvature
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

DATA = Path(__file__).parent / "data" / "compressed"
NUMBERS = json.loads((DATA / "numbers.json").read_text())
COORD, BOX, TYPES = (np.array(NUMBERS[key]) for key in ("coord", "box", "atype"))
DISTANCE = 0.9


def evaluate(path, native, coord=COORD):
    model = NumpyDeepEval(str(path), native=native)
    return model.eval(coord, np.stack([BOX] * len(coord)), np.stack([TYPES] * len(coord)), atomic=True)


def net(activation_function="tanh", precision="float64"):
    rng = np.random.default_rng(2)
    return EmbeddingNetwork.initial(rng, 1, [4, 8], activation_function=activation_function, precision=precision)


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_files_of_deepmd_kit_give_its_numbers(kind, native):
    """The second frame has a bond shorter than any in the data, where the coarse pieces differ from the nets."""
    found = evaluate(DATA / f"{kind}.dp", native)["energy"][:, 0]
    np.testing.assert_allclose(found, NUMBERS[kind]["energy"], rtol=1e-14)
    assert abs(NUMBERS[kind]["energy"][1] - NUMBERS[kind]["plain"][1]) > 1e-10


@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_engine_and_numpy_agree(kind):
    engine, plain = (evaluate(DATA / f"{kind}.dp", native) for native in (True, False))
    for term in plain:
        np.testing.assert_allclose(engine[term], plain[term], atol=1e-12 * max(1.0, np.abs(plain[term]).max()))


@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_atoms_at_the_same_place_have_no_energy(kind):
    """In the engine, where their s, NaN, lies in no piece of a table."""
    coord = COORD.copy()
    coord[:, 1] = coord[:, 0]
    assert not np.isfinite(evaluate(DATA / f"{kind}.dp", True, coord)["energy"]).any()


@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_forces_are_derivatives(kind):
    """Of the frame with the short bond too: the table goes on linearly, not constantly."""
    step, path = 1e-5, DATA / f"{kind}.dp"
    force = evaluate(path, True)["force"]
    for atom, axis in ((0, 0), (8, 1), (8, 2)):
        moved = np.concatenate([COORD, COORD])
        moved[:2, atom, axis] += step
        moved[2:, atom, axis] -= step
        energy = evaluate(path, True, moved)["energy"][:, 0]
        slope = (energy[:2] - energy[2:]) / (2 * step)
        np.testing.assert_allclose(-slope, force[:, atom, axis], atol=2e-7)


@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_tables_are_written_as_they_were_read(kind, tmp_path):
    document = read_document(DATA / f"{kind}.dp")
    again = {**document, "model": deserialize_model(document["model"]).serialize()}
    write_document(tmp_path / "again.dp", again)
    for before, after in zip(parts(document), parts(read_document(tmp_path / "again.dp")), strict=True):
        assert (after["@version"], after["type"]) == (before["@version"], before["type"])
        given, found = before["compress"]["@variables"], after["compress"]["@variables"]
        assert found.keys() == given.keys()
        for key in given:
            for one, other in zip(np.atleast_2d(given[key]), np.atleast_2d(found[key]), strict=True):
                np.testing.assert_allclose(other, one, rtol=1e-14, atol=1e-15)


def parts(document):
    descriptor = document["model"]["descriptor"]
    return descriptor.get("list", [descriptor])


@pytest.mark.parametrize("kind", ["hybrid", "se_atten_v2"])
def test_our_tables_are_those_of_deepmd_kit(kind):
    """Where both cover a number: deepmd-kit's range takes the statistics of directions for those of distances too."""
    document = read_document(DATA / f"{kind}.dp")
    made = compress(without_tables(document), lambda: document["min_nbor_dist"], 0.1, 2.0)
    for theirs, ours in zip(parts(document), parts(made), strict=True):
        theirs, ours = theirs["compress"]["@variables"], ours["compress"]["@variables"]
        np.testing.assert_allclose(ours.get("type_embd_data", 0.0), theirs.get("type_embd_data", 0.0), atol=1e-15)
        for given, found, info in zip(
            theirs["compress_data"], ours["compress_data"], ours["compress_info"], strict=True
        ):
            nfine = int((info[1] - info[0]) / info[3])
            assert info[3] == pytest.approx(0.1)
            np.testing.assert_allclose(found[:nfine], given[:nfine], atol=1e-9 * np.abs(given).max())


def without_tables(document):
    descriptors = [{key: value for key, value in each.items() if key != "compress"} for each in parts(document)]
    whole = document["model"]["descriptor"]
    descriptor = {**whole, "list": descriptors} if "list" in whole else descriptors[0]
    return {**document, "model": {**document["model"], "descriptor": descriptor}}


@pytest.mark.parametrize("activation_function", ["tanh", "gelu", "softplus", "relu"])
def test_table_has_the_nets_numbers(activation_function):
    pieces = Pieces.covering((-0.7, 6.2), 0.01, 3.0, -1, np.dtype("float64"))
    assert (pieces.lower, pieces.upper, pieces.end) == (-1, 7, 21)
    one = net(activation_function)
    table = make_table(one, pieces)
    s = np.linspace(-1.0, 6.999, 1777)[:, None]
    error = 1e-3 if activation_function == "relu" else 1e-11  # its kinks are cut
    np.testing.assert_allclose(table(s), one(s), atol=error)
    coarse = np.linspace(7.0, 20.999, 500)[:, None]
    np.testing.assert_allclose(table(coarse), one(coarse), atol=1e-2 if activation_function == "relu" else 1e-6)


def test_beyond_the_table_are_lines():
    table = make_table(net(), Pieces.covering((-0.7, 3.2), 0.05, 2.0, -1, np.dtype("float64")))
    for end, out in ((-1.0, -1.0), (8.0, 1.0)):
        at, near, far = table(np.array([[end], [end + out * 1e-3], [end + out * 50.0]]))
        np.testing.assert_allclose(far - at, (near - at) * 5e4, atol=1e-7)
    # whatever comes, a number comes out
    assert np.isfinite(table(np.array([[1e12], [-1e12]]))).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("step", [0.01, 0.007, 0.03, 0.1])
def test_a_division_finds_each_piece(step, dtype):
    """As in deepmd-kit, in the type of the table."""
    number = np.dtype(dtype).type
    for upper in range(1, 60):
        pieces = Pieces.covering((-0.5, upper - 0.5), step, 5.0, -1, np.dtype(dtype))
        assert pieces.fine <= step * (1 + 1e-6)
        nfine = int(number(upper + 1) / number(pieces.fine))
        ncoarse = int(number(pieces.end - pieces.upper) / number(pieces.coarse))
        assert len(pieces.knots) == nfine + ncoarse + 1
        np.testing.assert_allclose(pieces.knots[[0, nfine, -1]], [-1, upper, 5 * upper], rtol=1e-6)


def test_value_slope_curvature():
    s, h = np.linspace(-1, 5, 7), 1e-4
    value, slope, curvature = value_slope_curvature(net(), s)
    left, right = (net()((s + shift)[:, None]) for shift in (-h, h))
    np.testing.assert_allclose(value, net()(s[:, None]), atol=1e-15)
    np.testing.assert_allclose(slope, (right - left) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(curvature, (right - 2 * value + left) / h**2, atol=1e-6)


COMPRESSIBLE = [
    case
    for case in CASES_DOUBLE
    if case.name.startswith(
        ("se_e2_a: plain", "se_e2_a: one side", "se_e2_a: excluded", "se_e2_r", "se_atten: strip, one")
    )
    or case.name
    in ("se_atten_v2: no attention, one side", "hybrid: three lists", "dpa2: three-body, strip", "dpa2: other updates")
]


@pytest.mark.parametrize("case", COMPRESSIBLE, ids=str)
def test_compressed_models_give_nearly_the_same(case, tmp_path):
    document = random_document(case)
    write_document(tmp_path / "plain.dp", document)
    write_document(tmp_path / "compressed.dp", compress(document, lambda: DISTANCE, 0.02))
    plain, compressed = (evaluate(tmp_path / f"{name}.dp", False) for name in ("plain", "compressed"))
    for term in plain:
        error = 1e-3 if "relu" in case.name else 1e-6  # its kinks are cut
        np.testing.assert_allclose(compressed[term], plain[term], atol=error * max(1.0, np.abs(plain[term]).max()))
    assert (compressed["force"] != plain["force"]).any()


def test_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = without_tables(read_document(DATA / "hybrid.dp"))
    write_document("frozen_model.dp", document)
    main(["compress"])
    assert "frozen_model_compressed.dp written" in capsys.readouterr().out
    main(["convert-backend", "frozen_model_compressed.dp", "again.yaml"])
    plain, tables = evaluate("frozen_model.dp", True), evaluate("frozen_model_compressed.dp", True)
    assert 0.0 < np.abs(tables["force"] - plain["force"]).max() < 1e-6


@pytest.fixture
def model_with_data(tmp_path, monkeypatch):
    """In a folder of their own: `model.dp`, without tables, and `input.json` with frames of a data system."""
    monkeypatch.chdir(tmp_path)
    document = without_tables(read_document(DATA / "hybrid.dp"))
    write_document("model.dp", document)
    Path("system/set.000").mkdir(parents=True)
    np.save("system/set.000/coord.npy", COORD.reshape(len(COORD), -1))
    np.save("system/set.000/box.npy", np.stack([BOX.ravel()] * len(COORD)))
    np.savetxt("system/type.raw", TYPES, fmt="%d")
    Path("system/type_map.raw").write_text("\n".join(document["model"]["type_map"]))
    Path("input.json").write_text(json.dumps({"training": {"training_data": {"systems": ["system"]}}}))


@pytest.mark.parametrize(("how", "largest"), [([], 1e-6), (["--precision", "float32"], 1e-4)])
def test_compares_on_data(how, largest, model_with_data, capsys):
    main(["compress", "-i", "model.dp", "-o", "other.dp", "-t", "input.json", *how])
    shown = capsys.readouterr().out.split("on frames of the data: ")[1]
    parts = (each.split(" ") for each in shown.strip().split(", "))
    found = {term: (float(value), unit) for term, value, unit in parts}
    plain, other = (evaluate(name, True) for name in ("model.dp", "other.dp"))
    natoms = {"energy": len(TYPES), "virial": len(TYPES)}
    for term, (value, unit) in found.items():
        expected = np.abs(other[term] - plain[term]).max() / natoms.get(term, 1)
        assert value == pytest.approx(expected, rel=0.06, abs=1e-14)
        assert value < largest
        assert unit.endswith("/atom") == (term in natoms)
    assert found["force"][0] > 0.0


def test_a_table_too_coarse_for_the_data_is_refused(model_with_data, monkeypatch):
    """Of the self-test alone the widest pieces would pass."""
    monkeypatch.setattr("deepmd.entrypoints.compress.verify", lambda *_, **__: {"energy": Difference(0.0, "eV")})
    with pytest.raises(SystemExit, match=r"with --step 1 the results change by .*; use --step 0"):
        main(["compress", "-i", "model.dp", "-o", "other.dp", "-t", "input.json", "-s", "1"])
    assert not Path("other.dp").exists()


def test_files_of_other_kinds_are_written_as_they_are(tmp_path, capsys, monkeypatch):
    """For scripts that compress whatever they have frozen; without an ending the file is of the input's kind."""
    monkeypatch.chdir(tmp_path)
    write_document("frozen_model.safetensors", without_tables(read_document(DATA / "hybrid.dp")))
    main(["compress"])
    said = capsys.readouterr()
    assert "frozen_model_compressed.safetensors written" in said.out
    assert "there is nothing to compress without loss: the model is written as it is" in said.err
    plain, other = evaluate("frozen_model.safetensors", True), evaluate("frozen_model_compressed.safetensors", True)
    # threads add up in any order
    np.testing.assert_allclose(plain["force"], other["force"], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["se_e3: plain", "se_e3_tebd: strip, types not in the output"])
def test_nets_of_angles_are_written_as_they_are(name, tmp_path, capsys, monkeypatch):
    """In a `.dp` too, however close atoms come: deepmd-kit has tables of them, which gain nothing in either."""
    monkeypatch.chdir(tmp_path)
    document = random_document(next(case for case in CASES_DOUBLE if case.name == name))
    write_document("model.dp", document)
    with pytest.raises(SystemExit, match=r"there is no input file no-such-input\.json"):
        main(["compress", "-i", "model.dp", "-o", "other.dp", "-t", "no-such-input.json"])
    assert not Path("other.dp").exists()
    main(["compress", "-i", "model.dp", "-o", "other.dp"])
    assert "nets of angles gain nothing by tables" in capsys.readouterr().err
    before, after = (dict(walk_arrays(read_document(f"{each}.dp")["model"])) for each in ("model", "other"))
    assert before.keys() == after.keys()
    for path, array in before.items():
        np.testing.assert_array_equal(after[path], array)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--precision", "float32", "-s", "0.01"], "are of tables; with --precision nets stay nets"),
        (["--precision", "mixed", "-f", "-1"], "are of tables; with --precision nets stay nets"),
        (["-s", "0"], "--step is 0.0, expected 0.0001 to 1"),
        (["-e", "0.5"], "--extrapolate is 0.5, expected 1 to 1000"),
        (["-s", "1"], "use --step 0."),
        (["-o", "model"], "model.dp is the model that is read"),
        (["-o", "./model.dp"], "model.dp is the model that is read"),
        (["-o", "folder"], "folder is a folder"),
        (["-o", "new/"], "new/ is a folder"),
        (["-o", ".dp"], "'.dp' is no name of a model file"),
        (["-i", "other"], "other: there is no such model file"),
        (["-i", "other.pth"], "other.pth: there is no such model file"),
    ],
)
def test_command_refuses(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    write_document("model.dp", without_tables(read_document(DATA / "hybrid.dp")))
    with pytest.raises(SystemExit, match=message):
        main(["compress", "-i", "model.dp", *arguments])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "model.dp"]
    assert not any((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("se_atten: plain", "layers of attention need the embedding G of each edge, and have no table"),
        ("se_atten: no attention", "with `tebd_input_mode` concat the embedding net takes the types too"),
        ("dpa2: concat three-body", "with `tebd_input_mode` concat the embedding net takes the types too"),
        ("se_e3_tebd: concat", "with `tebd_input_mode` concat the embedding net takes the types too"),
        (None, "the model is compressed already"),
    ],
)
def test_what_has_no_table_is_told_before_data_are_read(name, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    case = next((case for case in CASES_DOUBLE if case.name == name), None)
    write_document("model.dp", random_document(case) if case else read_document(DATA / "hybrid.dp"))
    with pytest.raises(SystemExit, match=reason):
        main(["compress", "-i", "model.dp", "-t", "no-such-input.json"])


@pytest.mark.parametrize("name", ["se_e3: plain", "se_e3_tebd: strip, types not in the output"])
def test_tables_of_angles_are_passed_over(name):
    """As deepmd-kit's `--pt` does it with a `.dp`: the nets stand beside them."""
    tree = random_document(next(case for case in CASES_DOUBLE if case.name == name))["model"]
    tables = {"@variables": {"compress_data": [], "compress_info": []}, "geo_compress": True}
    compressed = tree | {"descriptor": tree["descriptor"] | {"@version": 2, "compress": tables}}
    assert arrays_of(compressed) == arrays_of(tree)


def arrays_of(tree: dict) -> dict[str, bytes]:
    return {path: array.tobytes() for path, array in walk_arrays(deserialize_model(tree).serialize())}


def test_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = read_document(DATA / "hybrid.dp")
    with pytest.raises(InputError, match="compressed already"):
        compress(document, lambda: DISTANCE)
    plain = without_tables(document)
    del plain["min_nbor_dist"], plain["@variables"]
    write_document("model.dp", plain)
    with pytest.raises(SystemExit, match=r"does not say how close two atoms .* give the input file with -t"):
        main(["compress", "-i", "model.dp"])


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("damage", ["short", "range", "number", "finite", "pieces"])
def test_damaged_tables(damage, native, tmp_path):
    document = read_document(DATA / "se_atten_v2.dp")
    variables = document["model"]["descriptor"]["compress"]["@variables"]
    if damage == "short":
        variables["compress_data"][0] = variables["compress_data"][0][:5]
    elif damage == "range":
        variables["compress_info"][0][1] = -100.0
    elif damage == "finite":
        variables["compress_data"][0][3, 4] = np.nan
    elif damage == "pieces":
        variables["compress_info"][0][4] = 1e-300
    else:
        variables["compress_data"].append(variables["compress_data"][0])
    write_document(tmp_path / "bad.dp", document)
    with pytest.raises(ModelFileError, match="damaged"):
        NumpyDeepEval(str(tmp_path / "bad.dp"), native=native)
