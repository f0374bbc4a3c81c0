# SPDX-License-Identifier: LGPL-3.0-or-later
"""docs/tutorials/multi-backend.md as it is written, with few steps; where all backends and LAMMPS are installed.

Run are the lines of its blocks but of those that say why not.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from blocks import blocks_to_run, run
from checkout import ROOT, tracked_files

from deepmd.infer import DeepPot

# what JAX compiles runs but a few times here: less care saves time
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

PAGE = ROOT / "docs/tutorials/multi-backend.md"
FOLDER = "examples/water/se_atten_compressible"
INDEPENDENT = ("dp convert-backend", "dp test", "lmp")
"""Commands that may run beside others of their kind: there are two cores."""
SHORTER = {
    "model.ckpt-500.pt": "model.ckpt-2.pt",
    f"lammps_water.py {FOLDER} --cold 2 --hot 5": (
        f"lammps_water.py {FOLDER}/frozen_model.pth {FOLDER}/frozen_model.safetensors --molecules 32 --cold 1 --hot 1"
    ),
}
ENDINGS = ("pth", "pb", "savedmodel", "hlo", "json", "dp", "safetensors")


def commands_of_page() -> list[str]:
    return [line for block in blocks_to_run(PAGE) for line in block.text.splitlines()]


def kind_of(command: str) -> str:
    """The independent kind that it is of, else the command itself."""
    return next((kind for kind in INDEPENDENT if command.startswith(kind)), command)


def shorten(folder: Path) -> None:
    """Four steps of training, two of molecular dynamics with one box of 96 atoms."""
    config = json.loads((folder / "input.json").read_text())
    config["training"] |= {"numb_steps": 4, "save_freq": 2, "disp_freq": 2}
    # the size that the training has compiled
    config["training"]["validation_data"]["batch_size"] = 1
    (folder / "input.json").write_text(json.dumps(config))
    script = (folder / "in.water").read_text()
    for name, value in {"steps": "2", "replicas": '"1 1 1"'}.items():
        script, found = re.subn(rf"^(variable +{name} +index ).*$", rf"\g<1>{value}", script, flags=re.MULTILINE)
        assert found == 1
    (folder / "in.water").write_text(script)


def run_shortened(command: str, folder: Path) -> str:
    for long, short in SHORTER.items():
        command = command.replace(long, short)
    return run(command, folder)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The folder after all commands of the page, and what each of them printed."""
    root = tmp_path_factory.mktemp("tutorial")
    for path in tracked_files("examples/water"):
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    (root / "benchmarks").symlink_to(ROOT / "benchmarks")
    shorten(root / FOLDER)
    folder, printed = root, {}
    with ThreadPoolExecutor(2) as pool:
        for _, group in groupby(commands_of_page(), kind_of):
            commands = list(group)
            if commands[0].startswith("cd "):
                folder = (folder / commands[0].removeprefix("cd ")).resolve()
            else:
                printed |= zip(commands, pool.map(run_shortened, commands, [folder] * len(commands)), strict=True)
    return root / FOLDER, printed


def results(model: Path) -> list[np.ndarray]:
    """Energy an atom [eV], forces [eV/Å] and virial [eV] of two frames."""
    system = ROOT / "examples/water/data/valid"
    coord, box = (np.load(system / "set.000" / f"{name}.npy")[:2].astype(float) for name in ("coord", "box"))
    types = np.loadtxt(system / "type.raw", dtype=int)
    energy, force, virial = DeepPot(str(model)).eval(coord, box, types)
    return [energy / len(types), force, virial]


def differences(model: Path, expected: list[np.ndarray]) -> list[float]:
    return [float(np.abs(found - term).max()) for found, term in zip(results(model), expected, strict=True)]


def test_files_agree(tutorial):
    folder, _ = tutorial
    expected = results(folder / "frozen_model.safetensors")
    for ending in ENDINGS:
        assert max(differences(folder / f"frozen_model.{ending}", expected)) < 1e-10, ending
    for name, factor in {"compressed.dp": 1, "compressed.pth": 1, "single.safetensors": 10}.items():
        energy, force, _ = differences(folder / f"frozen_model_{name}", expected)
        assert energy < factor * 1e-7, name
        assert force < factor * 1e-6, name


def test_trainings_agree(tutorial):
    """All frameworks show the same errors in the last step, the one that went on from another's checkpoint too."""
    _, printed = tutorial
    trainings = {command: text for command, text in printed.items() if " train " in command}
    assert len(trainings) == 5
    assert len({re.search(r"^ +4 trn((?: +\S*e[+-]\d\d)+)", text, re.MULTILINE)[1] for text in trainings.values()}) == 1


def test_lammps_prints_the_same_energies(tutorial):
    _, printed = tutorial
    logs = {command: text for command, text in printed.items() if command.startswith("lmp ")}
    energies = {
        command: [float(e) for e in re.findall(r"^ +[02] +\S+ +(-\S+)", text, re.MULTILINE)]
        for command, text in logs.items()
    }
    expected = next(iter(energies.values()))
    assert len(expected) == 2
    for command, found in energies.items():
        assert found == pytest.approx(expected, abs=1e-5 if "compressed" in command else 1e-9), command


def test_all_are_tested_alike(tutorial):
    _, printed = tutorial
    errors = {re.search(r"Force +RMSE +: (\S+)", text)[1] for command, text in printed.items() if "dp test" in command}
    assert len(errors) == 1


def test_table(tutorial):
    folder, printed = tutorial
    table = next(text for command, text in printed.items() if "lammps_water.py" in command)
    assert "| ours, frozen_model.safetensors |" in table
    assert (folder.parents[2] / "lammps_water.md").read_text() in table
    assert (folder.parents[2] / "lammps_water.png").stat().st_size > 0
