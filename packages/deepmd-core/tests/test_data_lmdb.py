# SPDX-License-Identifier: LGPL-3.0-or-later
"""LMDB databases as deepmd-kit 3.2 writes them."""

from __future__ import annotations

import shutil
import sys

import lmdb
import morse
import msgpack
import numpy as np
import pytest
from toy_data import write_system

from deepmd.data import DataRequirement, System, TrainingData, find_systems
from deepmd.entrypoints.eval_desc import eval_desc
from deepmd.entrypoints.test import run_test
from deepmd.errors import DataError
from deepmd.infer import DeepPot, make_model_devi

ENERGY, FORCE = DataRequirement("energy", 1), DataRequirement("force", 3, atomic=True)


def encode(array, key_of=str):
    array = np.asarray(array)
    return {
        key_of("type"): str(array.dtype), key_of("shape"): list(array.shape), key_of("data"): array.tobytes()
    }  # fmt: skip


def random_frames(types_of_frames, seed=0):
    """Frames as arrays, with the database's names."""
    rng = np.random.default_rng(seed)
    return [
        {
            "atom_types": np.array(types, dtype=np.int32),
            "coords": rng.uniform(0, 5, (len(types), 3)),
            "cells": 5 * np.eye(3),
            "energies": np.float64(rng.standard_normal()),
            "forces": rng.standard_normal((len(types), 3)),
        }
        for types in types_of_frames
    ]


def write_database(path, frames, key_of=str, **metadata):
    """Writes frames and the record on them; ``metadata`` changes, adds or (None) drops entries."""
    record = {
        "nframes": len(frames),
        "frame_idx_fmt": "06d",
        "type_map": ["H", "O"],
        "frame_nlocs": [len(frame["atom_types"]) for frame in frames],
    } | metadata
    record = {key: value for key, value in record.items() if value is not None}
    with lmdb.open(str(path), map_size=10**7) as environment, environment.begin(write=True) as transaction:
        for number, frame in enumerate(frames):
            encoded = {key: encode(value, key_of) for key, value in frame.items()}
            transaction.put(format(number, "06d").encode(), msgpack.packb(encoded))
        transaction.put(b"__metadata__", msgpack.packb(record))
    return str(path)


@pytest.fixture
def frames():
    return random_frames([[0, 0, 1], [1, 0, 0], [0, 1], [0, 0, 1]])


def test_frames_of_a_size_are_one_system(tmp_path, frames):
    path = write_database(tmp_path / "water.lmdb", frames)
    assert find_systems(path) == [f"{path}#0/2", f"{path}#0/3"]
    system = System(f"{path}#0/3", ["O", "H"], [ENERGY, FORCE])
    assert (system.nframes, system.natoms, system.pbc, system.mixed_type) == (3, 3, True, True)
    batch = system.read([2, 0, 1])
    chosen = [frames[3], frames[0], frames[1]]
    # the database counts H before O, the model the other way round
    np.testing.assert_array_equal(batch.atype, [1 - frame["atom_types"] for frame in chosen])
    np.testing.assert_array_equal(batch.coord, [frame["coords"] for frame in chosen])
    np.testing.assert_array_equal(batch.box, [frame["cells"] for frame in chosen])
    np.testing.assert_array_equal(batch.labels["energy"], [[frame["energies"]] for frame in chosen])
    np.testing.assert_array_equal(batch.labels["force"], [frame["forces"] for frame in chosen])
    assert system.observed_types() == ["O", "H"]


def test_marks_of_what_is_missing_and_cells_of_zeros(tmp_path, frames):
    for frame in frames:
        frame |= {"find_energy": np.float32(0), "cells": np.zeros((3, 3)), "find_force": np.float32(1)}
    system = System(write_database(tmp_path / "a.lmdb", frames) + "#0/3", ["O", "H"], [ENERGY, FORCE])
    assert system.found == {"energy": False, "force": True}
    assert not system.pbc
    assert system.items() == {"coord", "box", "real_atom_types", "force"}


def test_arrays_whose_keys_are_bytes(tmp_path, frames):
    path = write_database(tmp_path / "a.lmdb", frames, key_of=str.encode)
    np.testing.assert_array_equal(System(f"{path}#0/2").read([0]).coord[0], frames[2]["coords"])


def test_what_dpdata_writes(tmp_path):
    dpdata = pytest.importorskip("dpdata")
    write_system(tmp_path / "water", [0, 1, 1], 5)
    dpdata.LabeledSystem(str(tmp_path / "water"), fmt="deepmd/npy").to("deepmd/lmdb", str(tmp_path / "water.lmdb"))
    (name,) = find_systems(str(tmp_path / "water.lmdb"))
    folder, database = (System(each, ["O", "H"], [ENERGY, FORCE]).read(range(5)) for each in (tmp_path / "water", name))
    np.testing.assert_array_equal(folder.atype, database.atype)
    np.testing.assert_allclose(folder.coord, database.coord)
    np.testing.assert_allclose(folder.labels["force"], database.labels["force"])
    np.testing.assert_allclose(folder.labels["energy"], database.labels["energy"])


def test_commands_read_databases(tmp_path, monkeypatch, caplog):
    morse.install(monkeypatch)
    model = morse.write_model(tmp_path / "model.morse")
    coord, cell, atype = morse.make_frames()
    energy, force, virial = DeepPot(model).eval(coord, cell, atype)
    # the model's type map is O H, the database's H O
    frames = [
        {"atom_types": 1 - atype, "coords": c, "cells": b, "energies": e, "forces": f, "virials": v.reshape(3, 3)}
        for c, b, e, f, v in zip(coord, cell, energy[:, 0], force, virial, strict=True)
    ]
    path = write_database(tmp_path / "data.lmdb", frames)
    errors = run_test(model=model, systems=find_systems(path))
    assert errors["rmse_ea"] < 1e-10
    assert errors["rmse_f"] < 1e-10
    (deviation,) = make_model_devi(
        models=[model, model], system=path, output=str(tmp_path / "devi.out"), frequency=1, real_error=True
    )
    assert deviation.shape[0] == 3
    assert np.abs(deviation[:, 1:7]).max() < 1e-10
    (written,) = eval_desc(model=model, systems=find_systems(path), output=str(tmp_path / "desc"))
    assert written.name == "data.lmdb-0-12.npy"
    np.testing.assert_array_equal(np.load(written), DeepPot(model).eval_descriptor(coord, cell, atype))


@pytest.mark.parametrize("counted", [True, False], ids=["with frame_nlocs", "without"])
def test_systems_of_a_database_stay_apart(tmp_path, frames, counted):
    options = {} if counted else {"frame_nlocs": None}
    path = write_database(tmp_path / "two.lmdb", frames, frame_system_ids=[0, 1, 1, 0], **options)
    assert find_systems(path) == [f"{path}#0/3", f"{path}#1/2", f"{path}#1/3"]
    assert [System(name).nframes for name in find_systems(path)] == [2, 1, 1]


def test_labels_that_are_missing_are_not_found(tmp_path, frames):
    for frame in frames:
        del frame["forces"], frame["cells"]
    path = write_database(tmp_path / "open.lmdb", frames)
    data = TrainingData({"systems": path, "batch_size": 1}, ["O", "H"], [ENERGY, FORCE])
    batch = data.draw()
    assert batch.found == {"energy": True, "force": False}
    assert batch.box is None


def test_a_mixed_batch_joins_frames_of_all_sizes(tmp_path, frames):
    path = write_database(tmp_path / "mixed.lmdb", frames)
    data = TrainingData({"systems": path, "batch_size": "mixed:4"}, ["O", "H"], [ENERGY])
    drawn = [data.draw() for _ in range(8)]
    assert {int((batch.atype >= 0).sum(1).min()) for batch in drawn} <= {2, 3}
    assert all(batch.atype.shape == (4, 3) for batch in drawn)


def test_damaged_databases_are_named(tmp_path, frames):
    broken = [dict(frame) for frame in frames]
    del broken[3]["energies"]
    path = write_database(tmp_path / "a.lmdb", broken)
    with pytest.raises(DataError, match=r"a\.lmdb: frame 3 lacks energies"):
        System(f"{path}#0/3", ["O", "H"], [ENERGY]).check()
    with pytest.raises(DataError, match=r"no group 0/7; it has 0/2, 0/3"):
        System(f"{path}#0/7")
    path = write_database(tmp_path / "b.lmdb", frames, nframes=9)
    with pytest.raises(DataError, match="frame_nlocs has 4 numbers, expected nframes = 9"):
        find_systems(path)
    path = write_database(tmp_path / "c.lmdb", frames, type_map=None)
    with pytest.raises(DataError, match="__metadata__ lacks type_map"):
        find_systems(path)
    (tmp_path / "d.lmdb").mkdir()
    (tmp_path / "d.lmdb" / "data.mdb").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match=r"d\.lmdb: not an LMDB database"):
        find_systems(str(tmp_path / "d.lmdb"))


def test_a_frame_of_another_shape_is_named(tmp_path, frames):
    frames[1]["forces"] = np.zeros((2, 3))
    path = write_database(tmp_path / "shape.lmdb", frames)
    with pytest.raises(DataError, match="frame 1: forces has 6 numbers, expected 9"):
        System(f"{path}#0/3", ["O", "H"], [FORCE]).check()


def test_without_the_package_it_is_said(tmp_path, frames, monkeypatch):
    path = write_database(tmp_path / "here.lmdb", frames)
    shutil.move(path, tmp_path / "there.lmdb")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(DataError, match=r"deepmd-core\[lmdb\]"):
        find_systems(str(tmp_path / "there.lmdb"))
