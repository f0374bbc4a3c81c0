# SPDX-License-Identifier: LGPL-3.0-or-later
"""Runs of LAMMPS for the tests: what they start from, and what their files say."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BIN = Path(sys.executable).parent
EVERYTHING = """\
compute pe all pe/atom pair
compute st all stress/atom NULL pair
compute cs all centroid/stress/atom NULL pair
compute vir all pressure NULL pair
variable pe equal pe
thermo_style custom step pe c_vir[1] c_vir[2] c_vir[3] c_vir[4] c_vir[5] c_vir[6] vol
thermo_modify format float %.17g
dump all all custom 1 frames id type x y z fx fy fz c_pe c_st[*] c_cs[*]
dump_modify all sort id format float %.17g
"""
"""Input: energy, forces, virials and atomic terms of each step."""


@dataclass
class Box:
    """Atoms in a cell as LAMMPS and deepmd_cc take them.

    coord (natoms, 3) [Å]; cell (3, 3) [Å], lower triangular; types (natoms,), from 0.
    """

    coord: np.ndarray
    cell: np.ndarray
    types: np.ndarray

    @classmethod
    def crystal(cls, repeats: int = 3, tilt: float = 0.0, seed: int = 1, constant: float = 4.2) -> Box:
        """A face-centered lattice of two types with displaced atoms."""
        rng = np.random.default_rng(seed)
        base = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        cells = np.stack(np.meshgrid(*[np.arange(repeats)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
        fractions = ((cells + base).reshape(-1, 3) + 0.25) / repeats
        cell = constant * repeats * np.array([[1.0, 0, 0], [tilt, 1, 0], [-tilt / 2, tilt / 3, 1]])
        coord = fractions @ cell + 0.1 * rng.standard_normal(fractions.shape)
        return cls(coord, cell, rng.integers(0, 2, len(coord)))

    def write(self, path: Path, ntypes: int = 2) -> None:
        """LAMMPS's data file, its types from 1, tags in the order of the atoms."""
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = self.cell.tolist()
        lines = ["atoms", "", f"{len(self.types)} atoms", f"{ntypes} atom types"]
        lines += [f"0 {lx!r} xlo xhi", f"0 {ly!r} ylo yhi", f"0 {lz!r} zlo zhi"]
        if xy or xz or yz:
            lines += [f"{xy!r} {xz!r} {yz!r} xy xz yz"]
        lines += ["", "Masses", "", *(f"{t + 1} 20" for t in range(ntypes)), "", "Atoms # atomic", ""]
        for tag, (x, y, z) in enumerate(self.coord.tolist(), 1):
            lines.append(f"{tag} {self.types[tag - 1] + 1} {x!r} {y!r} {z!r}")
        path.write_text("\n".join(lines) + "\n")


@dataclass
class Run:
    """What LAMMPS wrote: its text, the rows of its first table, the atoms of each step."""

    text: str
    thermo: np.ndarray
    frames: list[np.ndarray]


def lammps(folder: Path, text: str, *, ranks: int = 1, env: dict[str, str] | None = None, flags: tuple = ()) -> Run:
    """Run an input in a folder; an error of LAMMPS is an AssertionError with its text."""
    done = start(folder, text, ranks=ranks, env=env, flags=flags)
    assert done.returncode == 0, done.stdout
    return Run(done.stdout, _thermo(done.stdout), _frames(folder / "frames"))


def refusal(folder: Path, text: str, *, ranks: int = 1) -> str:
    """The line with which LAMMPS ends, without its prefix."""
    done = start(folder, text, ranks=ranks)
    assert done.returncode != 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
    assert lines, done.stdout
    return lines[0]


def start(folder: Path, text: str, *, ranks: int = 1, env: dict[str, str] | None = None, flags: tuple = ()):
    """Run an input, whatever comes of it."""
    (folder / "in.lammps").write_text(text)
    launcher = [BIN / "mpirun", "-np", str(ranks)] if ranks > 1 else []
    command = [*launcher, BIN / "lmp", "-in", "in.lammps", *flags]
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def _thermo(text: str) -> np.ndarray:
    rows, inside = [], False
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            inside = True
        elif inside and words and words[0].isdigit():
            rows.append([float(word) for word in words])
        elif inside:
            inside = False
    return np.array([row for row in rows if len(row) == len(rows[0])])


def _frames(path: Path) -> list[np.ndarray]:
    if not path.is_file():
        return []
    parts = path.read_text().split("ITEM: ATOMS")[1:]
    frames = []
    for part in parts:
        rows = part.split("ITEM: TIMESTEP")[0].splitlines()[1:]
        frames.append(np.array([[float(word) for word in row.split()] for row in rows]))
    return frames
