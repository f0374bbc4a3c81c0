# SPDX-License-Identifier: LGPL-3.0-or-later
"""The house stays one to live in: no long file, no long function, thin backends that know no model."""

from __future__ import annotations

import ast
import re

import pytest
from checkout import ROOT, tracked_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
BACKENDS = {"deepmd-pt": "deepmd_pt", "deepmd-tf": "deepmd_tf", "deepmd-jax": "deepmd_jax", "deepmd-pd": "deepmd_pd"}
MOST_PYTHON, MOST_CPP = 1100, 200
"""Lines of a backend, tests apart."""
SOURCES = [
    path
    for path in tracked_files("*.py", "*.cpp", "*.hpp")
    if not {"tests", "tests-consistency", "tests-repository"} & set(path.parts) and not path.stem.startswith("make")
]


def lines_of(path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_no_file_is_long():
    assert len(SOURCES) > 200
    long = {str(path): lines_of(path) for path in SOURCES if lines_of(path) >= LONGEST_FILE}
    assert not long


def test_no_function_is_long():
    long = {}
    for path in SOURCES:
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    size = node.end_lineno - node.lineno + 1
                    if size >= LONGEST_FUNCTION:
                        long[f"{path}: {node.name}"] = size
    assert not long


@pytest.mark.parametrize("package", BACKENDS)
def test_backend_is_thin(package):
    folder = ROOT / "packages" / package
    python = sum(lines_of(path) for path in (folder / "src").rglob("*.py"))
    cpp = sum(lines_of(path) for path in (folder / "csrc").rglob("*.[ch]pp"))
    assert 300 < python < MOST_PYTHON
    assert cpp < MOST_CPP


@pytest.mark.parametrize("package", BACKENDS)
def test_backend_asks_models_by_their_interface(package):
    """Nobody looks into a model: a linear or a spin model has neither a descriptor nor a fitting."""
    for path in (ROOT / "packages" / package / "src").rglob("*.py"):
        assert not re.search(r"\.(descriptor|fitting)\b(?!/)", path.read_text(encoding="utf-8")), path
