# SPDX-License-Identifier: LGPL-3.0-or-later
"""The commands and the Python of the documents as they are written, page by page, with few steps.

Where a page supposes files of its reader's, they are made here. The tutorial has a test of its own.
"""

from __future__ import annotations

import json
import shutil
from functools import cache
from typing import TYPE_CHECKING

import dpdata
import pytest
from blocks import PAGES_RUN, Block, blocks_of, blocks_to_run, run
from checkout import ROOT, tracked_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REFERENCE = ROOT / "packages/deepmd-dp/src/deepmd_dp/conformance/reference"
WATER = ROOT / "examples/water"
GIVEN = """
import ase.io, numpy as np
atoms = ase.io.read("POSCAR")
coord, cell, types = atoms.positions, atoms.cell.array, np.where(atoms.symbols == "O", 0, 1)
coords, cells, atom_types = coord.reshape(1, -1), cell.reshape(1, 9), types
spins = np.full((1, len(atoms), 3), 0.5)
"""
"""Names that Python in the documents supposes."""
MADE = f"""
dp --pt train input.json
dp --pt freeze -o model.pth
dp convert-backend model.pth model.dp
dp convert-backend {REFERENCE}/dipole/model.dp dipole.pth
dp convert-backend {REFERENCE}/polar_real/model.dp polar.pth
dp convert-backend {REFERENCE}/dos/model.dp dos.pth
dp convert-backend {REFERENCE}/population_real/model.dp population.pth
dp convert-backend {REFERENCE}/property_real/model.dp gap.pth
python make_spins.py
dp convert-backend spin.dp spin.pth
"""
"""What makes the files that pages suppose."""
MAKE_SPINS = """
from deepmd.contract import write_document
from deepmd_dp.conformance.cases import row
from deepmd_dp.conformance.documents import random_document

spins = {"spin": {"use_spin": ["H"], "virtual_scale": [0.3]}}
write_document("spin.dp", random_document(row("se_e2_a", "spins", model=spins)))
"""


def shorten(path: Path, steps: int) -> None:
    """An input with few steps and one frame a batch."""
    config = json.loads(path.read_text())
    config["training"] |= {"numb_steps": steps, "save_freq": steps, "disp_freq": 1}
    config["training"]["validation_data"] |= {"batch_size": 1, "numb_btch": 1}
    path.write_text(json.dumps(config))


@cache
def water(root: Path) -> Path:
    """A folder with an input, data, and models of each name that a page supposes."""
    folder = root / "water"
    folder.mkdir()
    shutil.copy(WATER / "input.json", folder)
    (folder / "data").symlink_to(WATER / "data")
    shorten(folder / "input.json", 2)
    dpdata.System(str(WATER / "data/valid"), fmt="deepmd/npy").to("vasp/poscar", str(folder / "POSCAR"), frame_idx=0)
    (folder / "make_spins.py").write_text(MAKE_SPINS)
    run_blocks([Block("bash", MADE, None)], folder)
    for name in ("a", "b", "c"):
        shutil.copy(folder / "model.pth", folder / f"{name}.pth")
    return folder


def copy_of_water(root: Path, folder: Path) -> None:
    """What most pages suppose."""
    shutil.copytree(water(root), folder, symlinks=True, dirs_exist_ok=True)


def with_lammps(root: Path, folder: Path) -> None:
    """LAMMPS's input of the page, and the repository's examples."""
    copy_of_water(root, folder)
    (folder / "examples").symlink_to(ROOT / "examples")
    run("dp convert-backend model.pth model.safetensors", folder)
    script = next(block.text for block in blocks_of(ROOT / "docs/molecular-dynamics.md") if block.language == "lammps")
    (folder / "in.water").write_text(script.replace("run 1000", "run 2"))


def with_examples(root: Path, folder: Path) -> None:
    """The examples as in a checkout."""
    for path in tracked_files("examples/clusters", "examples/metal", "examples/water"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    for path in folder.glob("examples/*/input.json"):
        shorten(path, 4)


PREPARATIONS: dict[str, Callable[[Path, Path], None]] = {
    "docs/molecular-dynamics.md": with_lammps,
    "docs/own-data.md": with_examples,
    "examples/metal/README.md": with_examples,
    "examples/water/README.md": with_examples,
}
"""What is made before the first block of a page; `copy_of_water` for all others."""
SHORTER = {
    "python make_dataset.py": "python make_dataset.py --frames 1",
    "md.py model.safetensors": "md.py model.safetensors --steps 10",
    "lmp -in in.cluster": "lmp -in in.cluster -var steps 10",
    "elastic.py model.safetensors": "elastic.py model.safetensors --steps 1",
    "lmp -in in.metal": "lmp -in in.metal -var steps 2",
    "# stopped at some step": """\nsed -i 's/"numb_steps": 2,/"numb_steps": 3,/' input.json""",
}
"""What is written to what is run."""


def run_blocks(blocks: list[Block], folder: Path) -> None:
    """Runs blocks one after the other in a process of their own."""
    prepared = []
    for block in blocks:
        text = block.text
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        prepared.append((block.language, GIVEN + text if block.language == "python" else text))
    run(f"python {ROOT / 'tests-repository/run_page.py'}", folder, json.dumps(prepared))


@pytest.fixture(scope="session")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("given")


@pytest.mark.parametrize("page", sorted(PAGES_RUN - {"docs/tutorials/multi-backend.md"}))
def test_page(page, root, tmp_path):
    PREPARATIONS.get(page, copy_of_water)(root, tmp_path)
    blocks = blocks_to_run(ROOT / page)
    assert blocks
    run_blocks(blocks, tmp_path)


def test_lines_of_a_script_are_shown_as_they_are():
    """Python of the page that is a part of an example's file."""
    shown = [block.text for block in blocks_of(ROOT / "docs/own-data.md") if block.language == "python"]
    assert shown
    assert all(text in (ROOT / "examples/clusters/convert.py").read_text() for text in shown)
