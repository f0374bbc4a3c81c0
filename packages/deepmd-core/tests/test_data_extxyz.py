# SPDX-License-Identifier: LGPL-3.0-or-later
"""Extended XYZ read by ASE, and files of other programs, which are named with the way to convert them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from toy_data import write_system

from deepmd.data import DataRequirement, System, TrainingData, find_systems
from deepmd.data.foreign import KINDS
from deepmd.errors import DataError

ase_io = pytest.importorskip("ase.io")
from ase import Atoms  # noqa: E402
from ase.calculators.singlepoint import SinglePointCalculator  # noqa: E402

LABELS = [DataRequirement("energy", 1), DataRequirement("force", 3, atomic=True), DataRequirement("virial", 9)]


def random_atoms(symbols, seed=0, pbc=True, labelled=True):
    rng = np.random.default_rng(seed)
    atoms = Atoms(
        symbols, rng.uniform(0, 5, (len(symbols), 3)), cell=5 * np.eye(3) + rng.uniform(0, 0.2, (3, 3)), pbc=pbc
    )
    if labelled:
        stress = {"stress": rng.standard_normal(6)} if pbc else {}
        force = rng.standard_normal((len(symbols), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=rng.standard_normal(), forces=force, **stress)
    return atoms


def test_frames_of_a_size_are_one_system(tmp_path):
    path = str(tmp_path / "all.extxyz")
    frames = [
        random_atoms(["O", "H", "H"], 1),
        random_atoms(["H", "O", "H"], 2),
        random_atoms(["H", "C"], 3, pbc=False),
    ]
    ase_io.write(path, frames)
    assert find_systems(path) == [f"{path}#2/open", f"{path}#3/periodic"]
    assert find_systems(f"{path}#2/open") == [f"{path}#2/open"]
    system = System(f"{path}#3/periodic", ["O", "C", "H"], LABELS)
    assert (system.nframes, system.natoms, system.pbc, system.mixed_type) == (2, 3, True, True)
    batch = system.read([1, 0])
    np.testing.assert_array_equal(batch.atype, [[2, 0, 2], [0, 2, 2]])
    for row, atoms in enumerate(frames[1::-1]):
        np.testing.assert_allclose(batch.coord[row], atoms.positions, atol=1e-7)
        np.testing.assert_allclose(batch.box[row], atoms.cell.array, atol=1e-7)
        np.testing.assert_allclose(batch.labels["energy"][row], atoms.get_potential_energy(), atol=1e-7)
        np.testing.assert_allclose(batch.labels["force"][row], atoms.get_forces(), atol=1e-7)
        virial = -atoms.get_volume() * atoms.get_stress(voigt=False)
        np.testing.assert_allclose(batch.labels["virial"][row], virial.ravel(), atol=1e-5)
    lone = System(f"{path}#2/open", ["O", "C", "H"], LABELS)
    assert (lone.pbc, lone.found) == (False, {"energy": True, "force": True, "virial": False})
    assert len(TrainingData({"systems": path, "batch_size": 1}, ["O", "C", "H"], LABELS)) == 2


def test_names_of_labels_that_others_give(tmp_path):
    path = tmp_path / "ref.xyz"
    path.write_text(
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-3.5 '
        'REF_virial="1 2 3 4 5 6 7 8 9" pbc="T T T"\nO 0 0 0 0.1 0.2 0.3\nH 1 0 0 -0.1 -0.2 -0.3\n'
    )
    (name,) = find_systems(str(path))
    batch = System(name, ["H", "O"], LABELS).read([0])
    assert batch.labels["energy"].tolist() == [[-3.5]]
    assert batch.labels["force"].tolist() == [[[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]]]
    assert batch.labels["virial"].ravel().tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_frames_that_lack_a_label_are_a_system_of_their_own(tmp_path):
    """So that the others keep theirs."""
    path = str(tmp_path / "some.extxyz")
    frames = [random_atoms(["O"], 1), random_atoms(["O"], 2, labelled=False), random_atoms(["O"], 3)]
    ase_io.write(path, frames)
    full, bare = f"{path}#1/periodic/energy+force+virial", f"{path}#1/periodic/unlabeled"
    assert find_systems(path) == [bare, full]
    assert System(full, ["O"], LABELS).found == dict.fromkeys(("energy", "force", "virial"), True)
    assert (System(full).nframes, System(bare).nframes) == (2, 1)
    assert System(bare, ["O"], LABELS).found == dict.fromkeys(("energy", "force", "virial"), False)


def test_a_frame_that_is_periodic_along_some_axes_is_refused(tmp_path):
    path = str(tmp_path / "slab.extxyz")
    ase_io.write(path, [random_atoms(["O"]), random_atoms(["O"], pbc=(True, True, False))])
    with pytest.raises(DataError, match=r"slab.extxyz: frame 1 is periodic along some axes only"):
        find_systems(path)


def test_of_two_energies_none_is_chosen(tmp_path):
    """Predictions often stand beside what they are compared with."""
    atoms = random_atoms(["O"])
    atoms.info["REF_energy"] = atoms.get_potential_energy()
    ase_io.write(tmp_path / "same.extxyz", atoms)
    assert System(f"{tmp_path / 'same.extxyz'}#1/periodic", ["O"], LABELS).found["energy"]
    atoms.info["REF_energy"] += 0.1
    ase_io.write(tmp_path / "two.extxyz", atoms)
    with pytest.raises(DataError, match=r"two.extxyz: frame 0 has (REF_)?energy and (REF_)?energy, which are not the"):
        find_systems(str(tmp_path / "two.extxyz"))


def test_files_that_are_none(tmp_path, monkeypatch):
    path = tmp_path / "broken.xyz"
    path.write_text("no number\n")
    with pytest.raises(DataError, match=r"broken\.xyz: ASE cannot read this as extended XYZ"):
        find_systems(str(path))
    ase_io.write(tmp_path / "a.xyz", random_atoms(["O"]), format="extxyz")
    with pytest.raises(DataError, match=r"no group 7/open; it has 1/periodic"):
        System(f"{tmp_path / 'a.xyz'}#7/open")
    monkeypatch.setitem(sys.modules, "ase.io", None)
    ase_io.write(tmp_path / "b.xyz", random_atoms(["O"]), format="extxyz")
    with pytest.raises(DataError, match=r"deepmd-core\[ase\]"):
        find_systems(str(tmp_path / "b.xyz"))


FILES = {
    "OUTCAR": (b" vasp.6.3.0 18Jan22", "an output of VASP.*fmt='vasp/outcar'"),
    "vasprun.xml": (b"<modeling>", "an output of VASP.*fmt='vasp/xml'"),
    "POSCAR": (b"water\n1.0\n", "a structure of VASP.*no energies or forces"),
    "md.traj": (b"- of UlmASE-Trajectory", "a trajectory of ASE.*`ase convert"),
    "run.db": (b"SQLite format 3", "a database of ASE"),
    "cp2k.out": (b" DBCSR| CPU Multiplication driver", "an output of CP2K.*fmt='cp2k/output'"),
    "pw.out": (b"\n     Program PWSCF v.7.0 starts", "an output of Quantum ESPRESSO.*`ase convert"),
    "g16.log": (b" Entering Gaussian System, Link 0=g16", "an output of Gaussian.*fmt='gaussian/log'"),
    "dump.lmp": (b"ITEM: TIMESTEP\n0", "a dump of LAMMPS.*no energies or forces"),
    "md17.npz": (b"PK\x03\x04", "an archive of NumPy arrays.*set.000/coord.npy"),
    "notes.txt": (b"hello", "is no data system: expected a folder with type.raw"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_other_programs_are_named(tmp_path, name):
    content, message = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_systems(str(tmp_path / name))
    if name != "notes.txt":
        with pytest.raises(DataError, match=rf"no system found in .*It holds {message}"):
            find_systems(str(tmp_path))


def test_hdf5_files_of_other_programs(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "ani.h5", "w") as file:
        file["gdb/coordinates"] = np.zeros(3)
    with pytest.raises(DataError, match=r"an HDF5 file of another program, without type\.raw"):
        find_systems(str(tmp_path / "ani.h5"))


def test_formats_of_dpdata_are_there():
    pytest.importorskip("dpdata")
    from dpdata.format import Format

    assert {kind.format for kind in KINDS if kind.format} <= set(Format.get_formats())


def test_the_way_of_ase_works(tmp_path):
    ase_io.write(tmp_path / "md.traj", [random_atoms(["O", "H"], seed) for seed in range(3)])
    with pytest.raises(DataError) as error:
        find_systems(str(tmp_path))
    command = str(error.value).split("`")[-2]
    program, *arguments = command.split()
    assert program == "ase"
    subprocess.run([sys.executable, "-W", "ignore", "-m", "ase", *arguments], cwd=tmp_path, check=True)
    (name,) = find_systems(str(tmp_path / "data.extxyz"))
    assert System(name, ["O", "H"], LABELS).found == {"energy": True, "force": True, "virial": True}


def test_a_folder_with_systems_is_not_searched_for_others(tmp_path):
    write_system(tmp_path / "a")
    (tmp_path / "OUTCAR").touch()
    assert find_systems(str(tmp_path)) == [str(tmp_path / "a")]
