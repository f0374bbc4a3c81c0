# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models through libdeepmd_cc, with the plug-in of a third party: Lennard-Jones in C."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest

from deepmd_cc.model import Model, ModelError, find_plugins, load_plugin

TRICLINIC = np.array([[11.7, 0, 0], [1.0, 11.7, 0], [0.5, -0.3, 11.7]])
SMALL = np.array([[4.1, 0, 0], [0.4, 4.3, 0], [0.1, -0.2, 4.2]])


def lattice(n, seed=0):
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3) * 3.9
    return grid + rng.normal(0, 0.1, grid.shape), rng.integers(0, 2, n**3)


@pytest.fixture
def model(argon):
    return Model(argon)


def test_what_the_file_says(model):
    assert model.backend == "lennard-jones"
    assert model.record["model"]["type_map"] == ["Ar", "Kr"]


@pytest.mark.parametrize(("size", "cell"), [(3, TRICLINIC), (3, None), (1, SMALL)], ids=["cell", "open", "small"])
def test_terms_are_derivatives(model, size, cell):
    coord, types = lattice(size)
    terms = model.compute(coord, cell, types, atomic=True)
    h = 1e-5

    def energy(coord, cell):
        return model.compute(coord, cell, types)["energy"][0]

    for axis in range(3):
        step = np.zeros_like(coord)
        step[0, axis] = h
        slope = (energy(coord - step, cell) - energy(coord + step, cell)) / (2 * h)
        assert terms["force"][0, axis] == pytest.approx(slope, abs=1e-9)
        if cell is not None:
            strain = np.eye(3)
            strain[axis, 1] += h
            back = 2 * np.eye(3) - strain
            slope = (energy(coord @ back, cell @ back) - energy(coord @ strain, cell @ strain)) / (2 * h)
            assert terms["virial"].reshape(3, 3)[axis, 1] == pytest.approx(slope, abs=1e-8)
    np.testing.assert_allclose(terms["atom_energy"].sum(0), terms["energy"], rtol=1e-13)
    np.testing.assert_allclose(terms["atom_virial"].sum(0), terms["virial"], atol=1e-13)
    np.testing.assert_allclose(terms["force"].sum(0), 0, atol=1e-13)


def test_atoms_with_ghosts_give_the_same_as_a_cell(model):
    coord, types = lattice(2)
    cell = np.diag([7.9, 8.1, 8.0])
    images = np.array([[a, b, c] for a in (-2, -1, 0, 1, 2) for b in (-2, -1, 0, 1, 2) for c in (-2, -1, 0, 1, 2)])
    images = sorted(images.tolist(), key=lambda image: image != [0, 0, 0])
    everything = np.concatenate([coord + np.array(image) @ cell for image in images])
    mapping = np.tile(np.arange(8), len(images))
    distance = np.linalg.norm(everything[None] - everything[:8, None], axis=2)
    neighbors = [np.flatnonzero((row < 9) & (row > 0)) for row in distance]
    terms = model.compute_atoms(everything, types[mapping], neighbors, mapping, atomic=True)
    expected = model.compute(coord, cell, types, atomic=True)
    force = np.zeros((8, 3))
    np.add.at(force, mapping, terms["force"])
    np.testing.assert_allclose(terms["energy"], expected["energy"], rtol=1e-13)
    np.testing.assert_allclose(force, expected["force"], atol=1e-14)
    np.testing.assert_allclose(terms["virial"], expected["virial"], atol=1e-13)


def test_virtual_atoms_are_nobody(model):
    coord, types = lattice(2)
    with_one_more = model.compute(np.concatenate([coord, [[1.0, 1, 1]]]), None, np.append(types, -1), atomic=True)
    plain = model.compute(coord, None, types)
    np.testing.assert_allclose(with_one_more["energy"], plain["energy"], rtol=1e-14)
    assert not with_one_more["force"][8].any()


def test_no_atoms_no_neighbors(model):
    none = model.compute(np.zeros((0, 3)), None, np.zeros(0), atomic=True)
    assert none["energy"] == 0 and none["force"].shape == (0, 3) and none["atom_energy"].shape == (0, 1)
    assert model.compute(np.zeros((1, 3)), None, [0])["energy"] == 0


def test_models_in_several_threads(argon):
    coord, types = lattice(3)
    expected = Model(argon).compute(coord, TRICLINIC, types)["energy"]

    def energies(_):
        model = Model(argon)
        return [model.compute(coord, TRICLINIC, types)["energy"][0] for _ in range(5)]

    with ThreadPoolExecutor(4) as pool:
        assert {energy for part in pool.map(energies, range(8)) for energy in part} == {expected[0]}


def test_a_closed_model_says_so(model):
    model.close()
    with pytest.raises(ModelError, match="has been closed"):
        model.compute(np.zeros((1, 3)), None, [0])


def resident_kilobytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def test_opening_and_closing_does_not_grow(argon):
    coord, types = lattice(2)
    sizes = []
    for _ in range(2000):
        model = Model(argon)
        model.compute(coord, None, types, atomic=True)
        model.close()
        sizes.append(resident_kilobytes())
    assert sizes[-1] - sizes[100] < 2000


@pytest.mark.parametrize(
    ("coord", "cell", "types", "message"),
    [
        (np.full((1, 3), np.nan), None, [0], r"the coordinates of atom 0 are \(nan, nan, nan\)"),
        (np.zeros((1, 3)), None, [2], "atom 0 has type 2, but the model has 2 types"),
        (np.zeros((1, 3)), np.zeros((3, 3)), [0], "zero or linearly dependent"),
    ],
)
def test_bad_frames_are_named(model, coord, cell, types, message):
    with pytest.raises(ModelError, match=message):
        model.compute(coord, cell, types)


def test_atoms_at_the_same_place_are_named(model):
    """Images by the numbers of their atoms; virtual atoms may lie anywhere."""
    coord, types = lattice(2)
    reason = "the model's energy is not finite; atom 3 and atom 5 are at the same place; move one"
    coord[3] = coord[5] = 3.5, 1.25, 0.75
    with pytest.raises(ModelError, match=reason):
        model.compute(coord, None, types)
    cell = np.diag([16.0, 16.0, 16.0])
    coord[5] += cell[1]
    with pytest.raises(ModelError, match=reason):
        model.compute(coord, cell, types)
    types[5] = -1
    assert np.isfinite(model.compute(coord, cell, types)["force"]).all()


def test_results_that_are_not_finite_without_such_atoms(tmp_path):
    (tmp_path / "odd.lj").write_text("type_map Ar\nrcut 8.5\nepsilon nan\nsigma 3.4\n")
    with pytest.raises(ModelError, match="not finite; no two atoms are at the same place, so look at the coordinates"):
        Model(tmp_path / "odd.lj").compute(np.array([[0.0, 0, 0], [4, 0, 0]]), None, [0, 0])


@pytest.mark.parametrize("neighbor", [3, -1, 100_000_000, -100_000_000])
def test_neighbors_that_are_not_there(model, neighbor):
    """They would be read from memory that is not the caller's."""
    coord = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    with pytest.raises(ModelError, match=f"atom 1 has the neighbor {neighbor}, of 3 atoms"):
        model.compute_atoms(coord, np.zeros(3), [[1], [0, neighbor], [0]])


@pytest.mark.parametrize("wrong", [{"coord": np.zeros((2, 3))}, {"cell": np.eye(3)[:2]}, {"types": np.zeros((1, 3))}])
def test_arrays_of_a_wrong_shape(model, wrong):
    arrays = {"coord": np.zeros((3, 3)), "cell": None, "types": np.zeros(3)} | wrong
    with pytest.raises(ModelError, match=r"has the shape \(.*\); expected \("):
        model.compute(**arrays)


def test_bad_files_are_named(tmp_path):
    (tmp_path / "bad.lj").write_text("rcut 3\n")
    (tmp_path / "model.xyz").write_text("")
    (tmp_path / "model.pth").write_text("")
    for name, message in {
        "none.lj": "there is no such file",
        "bad.lj": "expected lines with type_map",
        "model.xyz": r"no plug-in reads files \.xyz",
        **({} if find_spec("deepmd_pt") else {"model.pth": "pip install deepmd-pt"}),
    }.items():
        with pytest.raises(ModelError, match=message):
            Model(tmp_path / name)


def test_broken_plugins_are_passed_over_and_named(tmp_path, argon, plugin_folder, monkeypatch):
    (tmp_path / "libdeepmd_backend_broken.so").write_bytes(b"no library")
    monkeypatch.setenv("DEEPMD_PLUGIN_PATH", f"{tmp_path}:{plugin_folder}")
    assert Model(argon).backend == "lennard-jones"
    (tmp_path / "model.xyz").write_text("")
    with pytest.raises(ModelError, match="libdeepmd_backend_broken"):
        Model(tmp_path / "model.xyz")
    found = find_plugins()
    assert found["broken"] == str(tmp_path / "libdeepmd_backend_broken.so")
    load_plugin(found["lennard_jones"])
    with pytest.raises(ModelError, match="libdeepmd_backend_broken"):
        load_plugin(found["broken"])


def test_a_plugin_that_can_not_work_says_what_is_missing(tmp_path):
    source, library = tmp_path / "half.c", tmp_path / "libdeepmd_backend_half.so"
    source.write_text(
        '#include <dlfcn.h>\nconst void* deepmd_backend_plugin(void) { return dlopen("libother_half.so", RTLD_NOW); }\n'
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    with pytest.raises(ModelError, match=r"libother_half\.so: cannot open shared object"):
        load_plugin(str(library))
