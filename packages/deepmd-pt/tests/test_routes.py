# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is frozen does not depend on the way: on the command that writes the file, nor on what was imported before."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from deepmd.contract import write_document
from deepmd.train import TrainingState
from deepmd_dp.conformance.water import full_input, new_document_of
from deepmd_pt import archive, checkpoint

WRITE = """
from deepmd.contract import read_document
from deepmd_pt import frozen
frozen.write('{0}.pth', read_document('model.dp'))
"""
AFTER = "import deepmd_pt.derivative, deepmd_pt.deep_eval, deepmd_pt.trainer"
DP = [sys.executable, "-m", "deepmd"]
ROUTES = {
    "nothing before": [sys.executable, "-c", WRITE.format("nothing before")],
    "plain operators": [sys.executable, "-c", WRITE.format("plain operators")],
    "freeze": [*DP, "--pt", "freeze", "-c", "model.ckpt.pt", "-o", "freeze.pth"],
    "convert": [*DP, "convert-backend", "model.dp", "convert.pth"],
}
"""Each is a process of its own, and writes the file of its name."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same model as a checkpoint, in the common format, and frozen after all has been imported."""
    folder, document = tmp_path_factory.mktemp("routes"), new_document_of(full_input())
    write_document(folder / "model.dp", document)
    checkpoint.write(str(folder / "model.ckpt.pt"), TrainingState(document, {}))
    _run([sys.executable, "-c", AFTER + WRITE.format("after imports")], folder)
    return folder


def _run(command: list[str], folder, **environment: str) -> None:
    subprocess.run(command, cwd=folder, env=os.environ | environment, check=True, capture_output=True)


def computed_with(path, *forms: str) -> dict[str, bytes]:
    """Graph and constants of the plain form, and of others."""
    members = archive.members_of(path.read_bytes())
    kept = tuple(f"{form}{name}" for form in ("", *forms) for name in ("code/", "constants", "data/"))
    return {name: content for name, content in members.items() if name.startswith(kept)}


@pytest.mark.parametrize("route", ROUTES)
def test_same_graph(folder, route):
    is_plain = route == "plain operators"
    _run(ROUTES[route], folder, **({"DP_PLAIN_OPS": "1"} if is_plain else {}))
    forms = () if is_plain else ("extra/operators/",)
    here, there = (computed_with(folder / f"{name}.pth", *forms) for name in ("after imports", route))
    assert set(there) == set(here)
    assert [name for name in here if here[name] != there[name]] == []
    code = b"".join(content for name, content in there.items() if name.endswith(".py"))
    assert b"index_add" in code  # no product with a mask as large as atoms times neighbors
