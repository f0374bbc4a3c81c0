# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files of several backends in one process, each run by its plug-in, no framework imported: as in an MD program."""

from __future__ import annotations

import subprocess
import sys
from itertools import permutations

import numpy as np
import pytest

from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.file_kinds import file_kinds_of
from deepmd_dp.conformance.plugins import graph_with_ghosts, plugin_of

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
