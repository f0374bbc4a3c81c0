# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is frozen does not depend on the way: on the command that writes the file, nor on what was imported before."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from deepmd.contract import write_document
from deepmd.train import TrainingState
from deepmd_dp.conformance.water import full_input, new_document_of
from deepmd_pt import archive, checkpoint, derivative, frozen

WRITE = "from deepmd_pt import frozen; from deepmd.contract import read_document; "
WRITE += "frozen.write('{0}.pth', read_document('model.dp'))"
ROUTES = {
    "freeze": [sys.executable, "-m", "deepmd", "--pt", "freeze", "-c", "model.ckpt.pt", "-o", "freeze.pth"],
    "convert": [sys.executable, "-m", "deepmd", "convert-backend", "model.dp", "convert.pth"],
    "nothing before": [sys.executable, "-c", WRITE.format("nothing before")],
    "plain operators": [sys.executable, "-c", WRITE.format("plain operators")],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same model as a checkpoint, in the common format, and frozen in this process."""
    folder, document = tmp_path_factory.mktemp("routes"), new_document_of(full_input())
    write_document(folder / "model.dp", document)
    checkpoint.write(str(folder / "model.ckpt.pt"), TrainingState(document, {}))
    assert callable(derivative.derivative)
    frozen.write(str(folder / "here.pth"), document)
    return folder


def computed_with(path) -> dict[str, bytes]:
    """Graph and constants; the names of classes are numbered in the order in which a process makes them."""
    members = archive.members_of(path.read_bytes())
    kept = {name: content for name, content in members.items() if name.startswith(("code/", "constants", "data/"))}
    return {_plain(name.encode()).decode(): _plain(content) for name, content in kept.items() if "debug" not in name}


def _plain(text: bytes) -> bytes:
    return re.sub(rb"___torch_mangle_\d+\.|(?<=/)___torch_mangle_\d+/", b"", text)


@pytest.mark.parametrize("route", ROUTES)
def test_same_graph(folder, route):
    switch = {"DP_PLAIN_OPS": "1"} if route == "plain operators" else {}
    subprocess.run(ROUTES[route], cwd=folder, env=os.environ | switch, check=True, capture_output=True)
    here, there = (computed_with(folder / f"{name}.pth") for name in ("here", route))
    assert set(there) == set(here)
    assert [name for name in here if here[name] != there[name]] == []
    assert b"scatter_add" in b"".join(there.values())
