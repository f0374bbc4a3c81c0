# SPDX-License-Identifier: LGPL-3.0-or-later
"""Systems on disk: every format gives the same frames; every mistake is named."""

from __future__ import annotations

import logging
import os

import h5py
import numpy as np
import pytest
from toy_data import NAMES, frames_of, write_system

from deepmd.charge_spin import problem_of
from deepmd.data import DataRequirement, System
from deepmd.data.npy import NpyFile
from deepmd.data.rows import CHUNK_NUMBERS, check_finite, iterate_rows
from deepmd.errors import DataError

LABELS = [DataRequirement("energy", 1, must=True), DataRequirement("force", 3, atomic=True)]


def test_npy_frames_in_the_order_asked_for_across_sets(tmp_path):
    arrays = write_system(tmp_path / "a", nframes=7, sets=3)
    system = System(tmp_path / "a", NAMES, LABELS)
    frames = [6, 0, 3, 3]
    batch = system.read(frames)
    assert (system.natoms, system.nframes, system.pbc, system.mixed_type) == (3, 7, True, False)
    assert batch.nframes == 4
    assert batch.natoms == 3
    assert np.array_equal(batch.coord, arrays["coord"][frames].reshape(4, 3, 3))
    assert np.array_equal(batch.box, arrays["box"][frames].reshape(4, 3, 3))
    assert np.array_equal(batch.labels["energy"], arrays["energy"][frames])
    assert np.array_equal(batch.labels["force"], arrays["force"][frames].reshape(4, 3, 3))
    assert np.array_equal(batch.atype, [[0, 1, 1]] * 4)
    assert batch.frames.tolist() == frames
    assert batch.system == str(tmp_path / "a")


def test_text_files_give_the_same_as_npy(tmp_path):
    arrays = write_system(tmp_path / "npy")
    folder = tmp_path / "raw"
    folder.mkdir()
    for name in ("type.raw", "type_map.raw"):
        folder.joinpath(name).write_text((tmp_path / "npy" / name).read_text())
    for key, array in arrays.items():
        np.savetxt(folder / f"{key}.raw", array)
    expected, given = (System(tmp_path / name, NAMES, LABELS).read([4, 1]) for name in ("npy", "raw"))
    for name in ("coord", "box", "atype"):
        assert np.array_equal(getattr(given, name), getattr(expected, name))
    assert np.array_equal(given.labels["force"], expected.labels["force"])


@pytest.mark.parametrize("group", ["", "water/small"])
def test_hdf5_gives_the_same_as_npy(tmp_path, group):
    arrays = write_system(tmp_path / "npy")
    with h5py.File(tmp_path / "all.hdf5", "w") as file:
        root = file.require_group(group) if group else file
        root["type.raw"] = [0, 1, 1]
        root["type_map.raw"] = np.array(NAMES, dtype="S2")
        for key, array in arrays.items():
            root[f"set.000/{key}.npy"] = array
    expected = System(tmp_path / "npy", NAMES, LABELS).read([4, 1, 4])
    given = System(f"{tmp_path / 'all.hdf5'}#/{group}", NAMES, LABELS).read([4, 1, 4])
    assert np.array_equal(given.coord, expected.coord)
    assert np.array_equal(given.atype, expected.atype)
    assert np.array_equal(given.labels["energy"], expected.labels["energy"])


def test_open_boundaries_have_no_box(tmp_path):
    write_system(tmp_path / "a", pbc=False)
    assert System(tmp_path / "a", NAMES).read([0]).box is None


def test_types_are_mapped_by_name(tmp_path):
    write_system(tmp_path / "a", [0, 1, 1], names=["H", "O"])
    assert System(tmp_path / "a", ["C", "O", "H"]).read([0]).atype.tolist() == [[2, 1, 1]]
    assert System(tmp_path / "a").read([0]).atype.tolist() == [[0, 1, 1]], "without a type map the system's own"


def test_names_in_type_map_raw_that_no_atom_has_do_not_matter(tmp_path):
    write_system(tmp_path / "a", [0, 1, 1], names=["O", "H", "Xe"])
    assert System(tmp_path / "a", NAMES).read([0]).atype.tolist() == [[0, 1, 1]]


def test_without_type_map_raw_the_models_order_is_taken_with_a_warning(tmp_path, caplog):
    write_system(tmp_path / "a", names=None)
    with caplog.at_level(logging.WARNING):
        system = System(tmp_path / "a", ["H", "O"])
    assert system.read([0]).atype.tolist() == [[0, 1, 1]]
    assert "no type_map.raw" in caplog.text


def test_mixed_type_with_virtual_atoms(tmp_path):
    types = np.array([[0, 1, 1], [1, 0, -1]])
    write_system(tmp_path / "a", [0, 0, 0], 2, names=["H", "O"], real_atom_types=types)
    batch = System(tmp_path / "a", NAMES).read([1, 0])
    assert batch.mixed_types
    assert batch.atype.tolist() == [[0, 1, -1], [1, 0, 0]]


def test_one_frame_without_the_axis_of_the_frames(tmp_path):
    arrays = frames_of([0, 1, 1], 1)
    folder = tmp_path / "a"
    write_system(folder, nframes=1)
    for key, array in arrays.items():
        np.save(folder / "set.000" / f"{key}.npy", array[0])
    batch = System(folder, NAMES, LABELS).read([0])
    assert np.array_equal(batch.coord.ravel(), arrays["coord"][0])
    assert np.array_equal(batch.labels["energy"], arrays["energy"])


def test_float32_and_fortran_order_and_three_axes(tmp_path):
    arrays = frames_of([0, 1, 1], 4)
    coord = np.asfortranarray(arrays["coord"].reshape(4, 3, 3).astype(np.float32))
    write_system(tmp_path / "a", nframes=4, coord=coord, energy=arrays["energy"][:, 0])
    batch = System(tmp_path / "a", NAMES, LABELS).read([3, 2])
    assert batch.coord.dtype == np.float64
    assert np.array_equal(batch.coord, coord[[3, 2]])
    assert np.array_equal(batch.labels["energy"], arrays["energy"][[3, 2]])


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_npy(tmp_path, version):
    array = np.arange(12.0).reshape(4, 3)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, array, version=version)
    read = NpyFile(str(tmp_path / "a.npy"))
    assert (read.shape, read.ndim, read.size) == ((4, 3), 2, 12)
    for index in (2, slice(1, 3), slice(2, 9), np.array([0, 3]), ()):
        assert np.array_equal(read[index], array[index])


def test_missing_labels_hold_their_default_and_are_not_found(tmp_path):
    write_system(tmp_path / "a")
    wanted = [DataRequirement("virial", 9), DataRequirement("aparam", 2, atomic=True, default=0.5), *LABELS]
    batch = System(tmp_path / "a", NAMES, wanted).read([0, 1])
    assert batch.found == {"virial": False, "aparam": False, "energy": True, "force": True}
    assert np.array_equal(batch.labels["virial"], np.zeros((2, 9)))
    assert np.array_equal(batch.labels["aparam"], np.full((2, 3, 2), 0.5))


def test_a_missing_label_is_named_as_files_may_have_it(tmp_path):
    write_system(tmp_path / "a", [0, 1], nframes=1)
    wanted = [DataRequirement("atom_pref", 1, atomic=True, must=True)]
    with pytest.raises(DataError, match=r"set.000/atom_pref.npy \(or atomic_pref\) is missing; the model or the loss"):
        System(str(tmp_path / "a"), requirements=wanted)


@pytest.mark.parametrize("name", ["atom_pref", "atomic_pref"])
def test_labels_are_repeated_and_found_under_both_names(tmp_path, name):
    weights = np.arange(15.0).reshape(5, 3)
    write_system(tmp_path / "a", **{name: weights})
    wanted = [DataRequirement("atom_pref", 1, atomic=True, repeat=3)]
    label = System(tmp_path / "a", NAMES, wanted).read([2]).labels["atom_pref"]
    assert label.tolist() == [[[6, 6, 6], [7, 7, 7], [8, 8, 8]]]


def test_batches_cover_the_frames_in_order(tmp_path):
    write_system(tmp_path / "a", nframes=5)
    system = System(tmp_path / "a", NAMES)
    assert [batch.frames.tolist() for batch in system.batches(2)] == [[0, 1], [2, 3], [4]]
    assert [batch.frames.tolist() for batch in system.batches(2, [3, 1, 0])] == [[3, 1], [0]]


def test_a_file_written_anew_is_read_anew(tmp_path):
    write_system(tmp_path / "a", nframes=2)
    path = tmp_path / "a" / "set.000" / "energy.npy"
    assert System(tmp_path / "a", NAMES, LABELS).read([1]).labels["energy"][0, 0] != 7.0
    path.unlink()
    np.save(path, np.full((2, 1), 7.0))
    assert System(tmp_path / "a", NAMES, LABELS).read([1]).labels["energy"][0, 0] == 7.0


def broken(frame: int, shape: tuple[int, ...], value: float) -> np.ndarray:
    array = np.ones(shape)
    array[frame, 1] = value
    return array


MISTAKES = {
    "nan in a label": ({"force": broken(3, (5, 9), np.nan)}, r"force\.npy: frame 3 holds nan"),
    "infinite coordinate": ({"coord": broken(4, (5, 9), np.inf)}, r"coord\.npy: frame 4 holds inf"),
    "flat cell": ({"box": np.ones((5, 9))}, r"box\.npy: the cell of frame 0 has no volume"),
    "too few frames": ({"energy": np.ones((4, 1))}, r"energy\.npy: 4 frames, but the coordinates .* have 5"),
    "wrong width": (
        {"force": np.ones((5, 6))},
        r"force\.npy: shape \(5, 6\), expected \(5, 9\): 3 for each of 3 atoms",
    ),
    "other atoms": ({"coord": np.ones((5, 12))}, r"coord\.npy: shape \(5, 12\), expected \(5, 9\)"),
    "no energy": ({"energy": None}, r"energy\.npy is missing; the model or the loss needs it"),
    "no box": ({"box": None}, r"box\.npy is missing; for open boundaries put an empty file `nopbc`"),
    "no coordinates": ({"coord": None}, r"coord\.npy is missing"),
    "no frames": ({"coord": np.ones((0, 9))}, r"coord\.npy: no frames"),
    "no numbers": ({"energy": np.array([["a"]] * 5)}, r"energy\.npy: holds <U1, expected numbers"),
    "unknown element": ({"names": ["O", "Xe"]}, r"Xe not in the model's type_map \['O', 'H'\]"),
    "type without a name": ({"types": [0, 1, 2]}, r"type 2, but the type map has 2 names"),
    "unknown type in a frame": (
        {"real_atom_types": np.array([[0, 1, 1]] * 4 + [[0, 1, 5]])},
        r"real_atom_types\.npy: type 5, but the type map has 2 names",
    ),
    "a type in a frame that is no integer": (
        {"real_atom_types": np.array([[0, 1, 1]] * 4 + [[0, 0.9, 1]])},
        r"real_atom_types\.npy: frame 4, atom 1 has the type 0\.9; expected integers",
    ),
    "virtual atoms only": (
        {"real_atom_types": np.array([[0, 1, 1], [-1, -1, -1], [0, 1, -1]] + [[0, 1, 1]] * 2)},
        r"real_atom_types\.npy: frame 1 has virtual atoms only",
    ),
    "a type that is no integer": ({"types": [0, 1.5, 1]}, r"type\.raw holds 1\.5; expected integers"),
    "an infinite type": ({"types": [0, np.inf, 1]}, r"type\.raw holds inf; expected integers"),
    "a name twice": ({"names": ["O", "H", "O"]}, r"type_map\.raw names O twice; expected each name once"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_named(tmp_path, mistake):
    changes, message = MISTAKES[mistake]
    changes = dict(changes)
    write_system(tmp_path / "a", changes.pop("types", None), **changes)
    with pytest.raises(DataError, match=message):
        System(tmp_path / "a", NAMES, LABELS).check()


def test_a_state_of_a_frame_that_no_model_takes_is_named_before_it_is_met(tmp_path):
    states = np.tile([0.0, 1.0], (5, 1))
    states[3, 1] = -1.0
    write_system(tmp_path / "a", sets=2, charge_spin=states)
    wanted = DataRequirement("charge_spin", 2, problem=problem_of)
    system = System(tmp_path / "a", NAMES, [wanted])
    for _ in range(2):
        with pytest.raises(DataError, match=r"/a: charge_spin of frame 3 holds the spin -1; expected integers from 0"):
            system.read([0])
    assert System(tmp_path / "a", NAMES, [DataRequirement("charge_spin", 2)]).read([3]).nframes == 1


def test_the_first_read_checks_too(tmp_path):
    write_system(tmp_path / "a", force=broken(3, (5, 9), np.nan))
    with pytest.raises(DataError, match="frame 3"):
        System(tmp_path / "a", NAMES, LABELS).read([0])
    assert System(tmp_path / "a", NAMES).read([0]).nframes == 1, "labels that are not wanted are not checked"


def test_a_file_cut_short_while_it_is_in_use(tmp_path):
    write_system(tmp_path / "a")
    path = tmp_path / "a" / "set.000" / "force.npy"
    array = NpyFile(str(path))
    os.truncate(path, path.stat().st_size - 100)
    with pytest.raises(DataError, match=r"force\.npy: ends in frame 3; was it changed\?"):
        array[0:5]


def test_a_label_in_some_sets_only(tmp_path):
    write_system(tmp_path / "a", sets=2)
    (tmp_path / "a" / "set.001" / "force.npy").unlink()
    with pytest.raises(DataError, match=r"set\.001/force\.npy is missing, while other sets"):
        System(tmp_path / "a", NAMES, LABELS)


def test_truncated_and_foreign_files(tmp_path):
    write_system(tmp_path / "a")
    path = tmp_path / "a" / "set.000" / "force.npy"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"force\.npy: truncated; its header tells of shape \(5, 9\)"):
        System(tmp_path / "a", NAMES, LABELS)
    path.write_bytes(b"12345678901234567890")
    with pytest.raises(DataError, match=r"force\.npy: not a NumPy array file"):
        System(tmp_path / "a", NAMES, LABELS)
    (tmp_path / "b.hdf5").write_text("no")
    with pytest.raises(DataError, match=r"b\.hdf5: not an HDF5 file"):
        System(f"{tmp_path / 'b.hdf5'}#/", NAMES)


def test_nothing_there(tmp_path):
    with pytest.raises(DataError, match="no such folder, HDF5 or extxyz file or LMDB database"):
        System(tmp_path / "none", NAMES)
    write_system(tmp_path / "a")
    with pytest.raises(DataError, match="frame 5 asked for, it has 5"):
        System(tmp_path / "a", NAMES).read([5])


def test_checks_go_piece_by_piece():
    array = np.zeros((3 * CHUNK_NUMBERS // 100, 100))
    pieces = list(iterate_rows(array, len(array), 100))
    assert [start for start, _ in pieces] == [0, CHUNK_NUMBERS // 100, 2 * CHUNK_NUMBERS // 100]
    array[-1, 0] = np.nan
    with pytest.raises(DataError, match=f"frame {len(array) - 1} "):
        check_finite(array, len(array), 100, "x.npy")
