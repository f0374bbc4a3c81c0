# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp eval-desc` and `dp neighbor-stat`."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from morse import MorseBackend, count_neighbors, install, make_frames, write_model, write_system

from deepmd.backend import discovery
from deepmd.errors import BackendError, DataError, InputError
from deepmd.infer import DeepPot
from deepmd.main import main, parse_args, run

COORD, CELL, ATYPE = make_frames(nframes=4)


@pytest.fixture
def file(monkeypatch, tmp_path):
    install(monkeypatch)
    return write_model(tmp_path / "water.morse")


@pytest.fixture
def data(file, tmp_path):
    for name, cell in (("a/water", CELL), ("b/water", None), ("b/ice", CELL)):
        write_system(tmp_path / "data" / name, DeepPot(file), COORD, cell, ATYPE)
    return tmp_path / "data"


@pytest.fixture
def command(caplog):
    """Runs a command and gives the printed lines."""
    caplog.set_level(logging.INFO)

    def call(*args):
        caplog.clear()
        run(parse_args([str(arg) for arg in args]))
        return caplog.messages

    return call


def test_descriptors_of_a_system(command, file, data, tmp_path):
    command("eval-desc", "-m", file, "-s", data / "a", "-o", tmp_path / "desc", "--dtype", "fp32")
    written = np.load(tmp_path / "desc" / "water.npy")
    assert (written.shape, written.dtype) == ((4, len(ATYPE), 2), np.float32)
    np.testing.assert_allclose(written, DeepPot(file).eval_descriptor(COORD, CELL, ATYPE), rtol=1e-6)


def test_systems_of_the_same_name_do_not_overwrite_each_other(command, file, data, tmp_path):
    command("eval-desc", "-m", file, "-s", data, "-o", tmp_path / "desc")
    files = {str(path.relative_to(tmp_path / "desc")) for path in (tmp_path / "desc").rglob("*.npy")}
    assert files == {"a/water.npy", "b/water.npy", "b/ice.npy"}
    open_system = np.load(tmp_path / "desc" / "b" / "water.npy")
    np.testing.assert_array_equal(open_system, DeepPot(file).eval_descriptor(COORD, None, ATYPE))


def test_descriptors_of_listed_systems(command, file, data, tmp_path):
    (tmp_path / "list.txt").write_text(f"{data / 'b' / 'ice'}\n")
    command("eval-desc", "-m", file, "-f", tmp_path / "list.txt", "-o", tmp_path / "desc")
    assert [path.name for path in (tmp_path / "desc").iterdir()] == ["ice.npy"]


def expected_statistics(atype, ntypes, rcut):
    frames = [
        count_neighbors(COORD[i], cell, atype, rcut, ntypes)
        for cells in (CELL, [None] * 4)
        for i, cell in enumerate(cells)
    ]
    return min(frame[0].min() for frame in frames), np.max([frame[1] for frame in frames], axis=0)


def test_neighbor_statistics(command, data):
    lines = command("neighbor-stat", "-s", data, "-r", 2.5)
    distance, nnei = expected_statistics(ATYPE, 2, 2.5)
    assert lines[0] == "type_map: ['O', 'H']"
    assert lines[-2:] == [f"min_nbor_dist: {distance:f}", f"max_nbor_size: {nnei}"]


def test_neighbor_statistics_of_a_type_map(command, data):
    lines = command("neighbor-stat", "-s", data, "-r", 2.5, "-t", "C", "H", "O")
    _, (of_oxygen, of_hydrogen) = expected_statistics(ATYPE, 2, 2.5)
    assert lines[-1] == f"max_nbor_size: {np.array([0, of_hydrogen, of_oxygen])}"


def test_neighbor_statistics_name_the_type_that_is_not_given(command, data):
    with pytest.raises(InputError, match=r"has H, which -t \(O Ag\) does not name; add to it, or leave -t out"):
        command("neighbor-stat", "-s", data, "-r", 2.5, "-t", "O", "Ag")


def test_neighbor_statistics_of_all_types_together(command, data):
    lines = command("neighbor-stat", "-s", data, "-r", 2.5, "--mixed-type")
    _, nnei = expected_statistics(0 * ATYPE, 1, 2.5)
    assert lines[-1] == f"max_nbor_size: {nnei}"


def test_no_neighbors(command, data):
    lines = command("neighbor-stat", "-s", data / "a", "-r", 0.1)
    assert lines[-3:] == ["no atom has a neighbor within 0.1 Å.", "min_nbor_dist: inf", "max_nbor_size: [0 0]"]


def test_atoms_on_each_other(command, data):
    coord = COORD.copy()
    coord[2, 1] = coord[2, 0] + 1e-5
    np.save(data / "a" / "water" / "set.000" / "coord.npy", coord.reshape(4, -1))
    with pytest.raises(DataError, match=r"a/water.*frame 2"):
        command("neighbor-stat", "-s", data / "a", "-r", 2.5)


def test_wrong_rcut(command, data):
    with pytest.raises(InputError, match="--rcut is -1"):
        command("neighbor-stat", "-s", data, "-r", "-1")


def test_no_backend_that_searches(command, data, monkeypatch):
    monkeypatch.setattr(discovery, "installed_backends", dict)
    with pytest.raises(BackendError, match="pip install deepmd-dp"):
        command("neighbor-stat", "-s", data, "-r", 2.5)


@pytest.mark.parametrize("command", ["test", "eval-desc", "model-devi"])
def test_a_flag_of_another_backend_than_the_file_s_is_refused(file, data, monkeypatch, command):
    class OtherBackend(MorseBackend):
        name, flags, suffixes = "Other", ("other",), (".other",)

    monkeypatch.setattr(discovery, "_load_all", lambda: ({"morse": MorseBackend(), "other": OtherBackend()}, {}))
    with pytest.raises(
        SystemExit, match=r"is no file of Other, which 'other' asks for \(it reads \.other\); leave the"
    ):
        main(["-b", "other", command, "-m", str(file), "-s", str(data)])
