# SPDX-License-Identifier: LGPL-3.0-or-later
"""A fresh environment with what would be published, installed by name, and a first day in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import tomllib
from install_wheels import CONSTRAINTS, ROOT, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIALS = ("dp", "pt", "tf", "jax", "pd")
"""The backends, each in an environment of its own; `dp` computes models and trains none."""
PLUGIN_FILES = {"pt": ".pth", "tf": ".pb", "pd": ".json"}
"""What LAMMPS runs by the backend's own plug-in; with others it takes `model.dp`."""
PREVIOUS_WITH = "pt"
"""The environment in which the previous states of its siblings are tried."""
PREVIOUS = ("core", "dp", "cc")
PYTHONS = ("python3.10", "python3.11", "python3.12", "python3.13", "python3.14")
WATER = ROOT / "examples" / "water"
LAMMPS = ROOT / "examples" / "molecular-dynamics"


class Environment:
    """A virtual environment in a folder, whose programs see no variables but PATH and HOME."""

    def __init__(self, folder: Path, python: str = sys.executable) -> None:
        self.folder = folder
        subprocess.run([python, "-m", "venv", str(folder)], check=True)

    def install(self, release: Path, *requirements: str) -> None:
        """Third parties come from PyPI; fails where a package of ours does."""
        report = self.folder / "report.json"
        options = ["--find-links", str(release), "--constraint", str(CONSTRAINTS), "--report", str(report)]
        self.pip("install", *options, *requirements)
        for each in json.loads(report.read_text())["install"]:
            if each["metadata"]["name"].startswith("deepmd"):
                assert each["download_info"]["url"].startswith(release.as_uri()), each["download_info"]

    def pip(self, *arguments: str) -> None:
        command = [str(self.folder / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *arguments], check=True)

    def run(self, program: str, *arguments: str | Path) -> str:
        """What a program of the environment prints; ends all where it fails."""
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        command = [str(self.folder / "bin" / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout


def try_release(name: str, release: Path) -> None:
    """Installs a backend from a folder of files to publish, in each Python where that takes little, and uses it."""
    for python in [sys.executable, *(filter(is_another, PYTHONS) if name == "dp" else ())]:
        with tempfile.TemporaryDirectory() as temporary:
            environment = Environment(Path(temporary, "environment"), python)
            print(f"{name}: {environment.run('python', '--version').strip()}", flush=True)
            environment.install(release, "deepmd-core[ase,plot]", f"deepmd-{name}")
            if name != "dp":
                train_and_use(environment, name)
            environment.install(release, "deepmd-cc[lmp]")
            use_in_cpp(environment, name)
            if name == PREVIOUS_WITH:
                try_previous(environment, name, release)


def is_another(python: str) -> bool:
    """Whether a Python is there that is not this one."""
    if python.endswith(f".{sys.version_info.minor}") or shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def train_and_use(environment: Environment, name: str) -> None:
    """Trains some steps, freezes, converts, tests, and runs MD in ASE: the quickstart in short."""
    short = ("--backend", name, "--steps", "20", "--md-steps", "4", "--output", environment.folder / "results")
    printed = environment.run("python", WATER / "quickstart.py", *short)
    frozen, converted = re.findall(r"RMSE +([\d.]+ meV/atom +[\d.]+ meV/Å)", printed)
    assert frozen == converted
    print(f"  trained, frozen, converted, tested ({frozen}), MD in ASE", flush=True)


def use_in_cpp(environment: Environment, name: str) -> None:
    """All plug-ins load; LAMMPS and `dp test` run the backend's file, or that of the example."""
    lines = environment.run("dp", "doctor").splitlines()
    states = [line.strip() for line in lines if "plug-in" in line]
    print("  dp doctor:", *states, sep="\n    ", flush=True)
    assert states and all(" loads (" in state for state in states)
    model = LAMMPS / "water.safetensors"
    if name != "dp":
        ending = PLUGIN_FILES.get(name)
        model = environment.folder / "results" / (f"frozen_model{ending}" if ending else "model.dp")
    environment.run("dp", "test", "-m", model, "-s", WATER / "data" / "valid", "-n", "2")
    environment.run("dp", "convert-backend", model, "converted.dp")
    steps = ("--model", model, "--steps", "20", "--equilibration", "10", "--output", environment.folder / "lammps")
    printed = environment.run("python", LAMMPS / "run.py", *steps)
    assert re.search(r"ran MD +20 steps", printed)
    print(f"  tested, converted, MD in LAMMPS: {model.name}", flush=True)


def try_previous(environment: Environment, name: str, release: Path) -> None:
    """Puts the previous state of each sibling in place of the new one, and uses all again."""
    for sibling in PREVIOUS:
        reference = previous_state(sibling)
        print(f"  with deepmd-{sibling} of {reference}", flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            wheel = build_state(sibling, reference, Path(temporary))
            environment.pip("install", "--no-deps", "--force-reinstall", str(wheel))
        train_and_use(environment, name)
        use_in_cpp(environment, name)
        new = next(release.glob(f"deepmd_{sibling}-*.whl"))
        environment.pip("install", "--no-deps", "--force-reinstall", str(new))


def previous_state(sibling: str) -> str:
    """The lower end of the range that others name, by its tag; before it has one, the state before its last change."""
    package = SOURCES[sibling][0]
    for lower in lower_ends(package):
        if git("tag", "--list", tag := f"{package}-v{lower}"):
            return tag
    last = git("log", "-1", "--format=%h", "--", f"packages/{package}/src", f"packages/{package}/csrc")
    return f"{last}~"


def lower_ends(package: str) -> Iterator[str]:
    """What the others require of a package at least."""
    for path in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        for requirement in tomllib.loads(path.read_text(encoding="utf-8"))["project"]["dependencies"]:
            if found := re.match(rf"{package}>=([^,]+)", requirement):
                yield found[1]


def build_state(sibling: str, reference: str, folder: Path) -> Path:
    """The wheel of a package as git has it."""
    archive = folder / "sources.tar"
    git("archive", "--output", str(archive), reference, *(f"packages/{each}" for each in SOURCES[sibling]))
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*command, str(folder / "packages" / SOURCES[sibling][0])], check=True)
    return next(folder.glob("*.whl"))


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
