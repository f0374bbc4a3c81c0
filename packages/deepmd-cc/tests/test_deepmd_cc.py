# SPDX-License-Identifier: LGPL-3.0-or-later
"""The installed package, as a C++ project meets it."""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import deepmd_cc

HERE = Path(__file__).parent
JSON = Path(find_spec("nlohmann_json").submodule_search_locations[0], "include")
"""What the headers for plug-ins need besides."""


def run(*command) -> str:
    """Run a command and give its output; a failure shows it."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(source: Path, folder: Path, *definitions: str) -> Path:
    run("cmake", "-S", source, "-B", folder, *definitions)
    run("cmake", "--build", folder)
    return folder


def pair_terms() -> tuple[float, float]:
    """Energy [eV] of the two atoms of stranger/main.cpp, and its derivative by r divided by r."""
    squared = 3.9**2 + 0.2**2 + 0.1**2
    s6, c6 = (3.40**2 / squared) ** 3, (3.40 / 8.5) ** 6
    energy = 4 * 0.0104 * (s6 * s6 - s6 - c6 * c6 + c6)
    return energy, -24 * 0.0104 * (2 * s6 * s6 - s6) / squared


def test_version_is_one():
    config = Path(deepmd_cc.cmake_dir(), "deepmd_ccConfigVersion.cmake").read_text()
    # CMake knows no pre-releases
    assert (
        re.search(r'PACKAGE_VERSION "(.*)"', config)[1] == re.match(r"[\d.]+\d(?=a|b|rc|$)", deepmd_cc.__version__)[0]
    )
    assert importlib.metadata.version("deepmd-cc") == deepmd_cc.__version__


def test_command_prints_the_folders():
    def printed(flag):
        return run(sys.executable, "-m", "deepmd_cc", flag).strip()

    assert printed("--include-dir") == deepmd_cc.include_dir()
    assert printed("--cmake-dir") == deepmd_cc.cmake_dir()
    assert printed("--version") == deepmd_cc.__version__


def test_every_header_compiles_alone(tmp_path):
    headers = sorted(Path(deepmd_cc.include_dir(), "deepmd").glob("*.h*"))
    assert headers
    for header in headers:
        source = tmp_path / f"{header.stem}.cpp"
        source.write_text(f'#include "deepmd/{header.name}"\n')
        run(
            *("c++", "-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"),
            *("-fsyntax-only", "-I", deepmd_cc.include_dir(), "-isystem", JSON, source),
        )


def test_stranger_builds_and_runs(tmp_path, argon):
    hint = f"-Ddeepmd_cc_DIR={deepmd_cc.cmake_dir()}"
    folder = build(HERE / "stranger", tmp_path, hint)
    assert run(folder / "count_neighbors") == "18\n"
    energy, slope = pair_terms()
    types, numbers, models, refused = run(folder / "energy_cpp", argon).splitlines()
    assert types == "types Ar Kr, cut-off 8.5"
    np.testing.assert_allclose(np.fromstring(numbers, sep=" "), [energy, energy, energy / 2, slope * 3.9], atol=2e-12)
    assert models == "2 models, deviation 0"
    assert refused == "atom 1 has type 9, but the model has 2 types, from 0."
    np.testing.assert_allclose(
        np.fromstring(run(folder / "energy_c", argon), sep=" "), [energy, slope * 3.9], atol=2e-12
    )
    assert "there is no such file" in run(folder / "energy_c", "none.lj")
    numbers = "coord has 12 numbers, atype 4; expected 3 for each of"
    assert run(folder / "refused", argon).splitlines() == [
        "fparam has 1 numbers; the model takes 0.",
        "aparam has 2 numbers; the model takes 0.",
        "there are 2 energies; give a std::vector<double> for them.",
        "coord has 0 numbers, atype 2; expected 3 for each of 2 atoms in 1 frames.",
        "taken",
        "frame 1: the model's energy is not finite; atom 0 and atom 1 are at the same place; move one.",
        "taken",
        "taken",
        f"{numbers} 1 atoms in 3 frames.",
        f"{numbers} 4 atoms in 0 frames.",
        f"{numbers} 4 atoms in 0 frames.",
        "nghost is 3, of 2 atoms.",
        f"{argon}: the model gives energy, atom_energy, force, virial, atom_virial, but no tensor of each atom; "
        "potentials are for DeepPot and `pair_style deepmd`.",
        "coord or atype is NULL; give them for each atom.",
        "coord or atype is NULL; give them for each atom.",
        "",
    ]


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="needs pkg-config")
def test_pkg_config(tmp_path, argon, monkeypatch):
    monkeypatch.setenv("PKG_CONFIG_PATH", str(Path(deepmd_cc.include_dir()).parent / "share" / "pkgconfig"))
    flags = run("pkg-config", "--cflags", "--libs", "deepmd_cc").split()
    run("cc", "-std=c99", HERE / "stranger" / "main.c", "-o", tmp_path / "energy", *flags)
    assert float(run(tmp_path / "energy", argon).split()[0]) == pytest.approx(pair_terms()[0], abs=2e-12)


def test_prefix_path_finds_the_package(tmp_path):
    """What the entry point ``cmake.prefix`` relies on."""
    prefix = Path(deepmd_cc.include_dir()).parent
    run("cmake", "-S", HERE / "stranger", "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")


@pytest.mark.parametrize(
    ("request_", "suits"),
    [("4.0", True), ("4.0.0", True), ("4.0.9", False), ("4.1", False), ("5", False)],
)
def test_version_request(tmp_path, request_, suits):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(p LANGUAGES C)\n"
        f"find_package(deepmd_cc {request_})\n"
        'message(STATUS "found: ${deepmd_cc_FOUND}")\n'
    )
    hint = f"-Ddeepmd_cc_DIR={deepmd_cc.cmake_dir()}"
    text = run("cmake", "-S", tmp_path, "-B", tmp_path / "build", hint)
    assert ("found: 1" in text) == suits


def test_cpp_unit_tests(tmp_path):
    hint = f"-Ddeepmd_cc_DIR={deepmd_cc.cmake_dir()}"
    folder = build(HERE / "cpp", tmp_path, hint, f"-DPython_EXECUTABLE={sys.executable}")
    text = run("ctest", "--test-dir", folder, "--verbose")
    counts = re.findall(r"(\d+) checks, (\d+) failed", text)
    assert len(counts) == len(list((HERE / "cpp").glob("test_*.cpp")))
    assert all(int(checks) > 0 and failed == "0" for checks, failed in counts)
