# SPDX-License-Identifier: LGPL-3.0-or-later
"""Who may import whom, shown in fresh processes and in the source; runs where all packages are installed."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deepmd.registry import DESCRIPTOR, MODEL, rows

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

PACKAGES = Path(__file__).resolve().parent.parent / "packages"
FRAMEWORKS = {"torch", "tensorflow", "jax", "paddle"}
BACKENDS = {"deepmd_dp", "deepmd_pt", "deepmd_tf", "deepmd_jax", "deepmd_pd"}
ALLOWED = {
    "deepmd": set(),
    "deepmd_cc": set(),
    "deepmd_dp": {"deepmd_dp"},
    "deepmd_pt": {"deepmd_dp", "deepmd_pt", "torch"},
    "deepmd_tf": {"deepmd_dp", "deepmd_tf", "tensorflow"},
    "deepmd_jax": {"deepmd_dp", "deepmd_jax", "jax"},
    "deepmd_pd": {"deepmd_dp", "deepmd_pd", "paddle"},
}
"""For each package the backends and frameworks that it may import; those not named it may not."""
EXTRAS = {"deepmd_jax": {"tensorflow"}}
"""What a package may import inside functions besides, for an extra."""
BY_FRAMEWORK = {"deepmd_tf": {"jax"}}
"""What a framework imports by itself where it is installed: TensorFlow 2.21 looks for JAX, in its lite converter."""

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
SHOW_HELP = """
import contextlib, io
from deepmd.main import main
with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
    main(["-h"])
assert "train" in text.getvalue()
"""
IMPORT_FRAMEWORKS = """
import sys
import numpy as np
from importlib import import_module
for flag in sys.argv[1:]:
    arrays = import_module(f"deepmd_{flag}.arrays")
    assert arrays.to_numpy(arrays.from_numpy(np.ones(3)) + 1.0).sum() == 6.0
"""
LIST_BACKENDS = """
from deepmd.backend.discovery import installed_backends
assert installed_backends()
"""


def loaded_by(code: str, *arguments: str) -> set[str]:
    """Top-level names of the modules that a fresh process has after running the code."""
    code += "\nimport json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return set(json.loads(process.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", ALLOWED)
def test_loaded_modules(package):
    loaded = loaded_by(IMPORT_ALL, package)
    assert package in loaded
    assert loaded & (FRAMEWORKS | BACKENDS) - BY_FRAMEWORK.get(package, set()) == ALLOWED[package]


@pytest.mark.parametrize("package", ALLOWED)
def test_import_statements(package):
    """Also those inside functions, which no test may reach."""
    imported = {name for path in source_files(package) for name in names_imported(path)}
    assert imported & (FRAMEWORKS | BACKENDS) <= ALLOWED[package] | EXTRAS.get(package, set())
    assert imported


def source_files(package: str) -> list[Path]:
    (folder,) = PACKAGES.glob(f"*/src/{package}")
    return sorted(folder.rglob("*.py"))


@pytest.mark.parametrize("package", [name for name, allowed in ALLOWED.items() if allowed & FRAMEWORKS])
def test_backends_are_small_and_hold_no_model(package):
    """A backend is how a framework runs what deepmd-dp has: no descriptor, fitting or loss is named in it."""
    texts = [path.read_text(encoding="utf-8") for path in source_files(package)]
    assert 300 < sum(text.count("\n") for text in texts) < 1500
    assert not re.findall(r"se_e2_a|se_atten|SeE2A|SeAtten|EnerFitting|pref_f|rmse_", "".join(texts))


@pytest.mark.parametrize("package", ALLOWED)
def test_no_circles(package):
    """Nor through imports inside functions; what only a type checker reads does not count."""
    files = {module_name(path, package): path for path in source_files(package)}
    graph = {name: modules_imported(path, files) & files.keys() for name, path in files.items()}
    while ends := outermost(graph):
        graph = {name: imported - ends for name, imported in graph.items() if name not in ends}
    assert not graph, f"these import each other: {sorted(graph)}"


def outermost(graph: dict[str, set[str]]) -> set[str]:
    """The modules that import none of the others, and those that none of the others imports."""
    imported = set().union(*graph.values()) if graph else set()
    return {name for name, inner in graph.items() if not inner or name not in imported}


def module_name(path: Path, package: str) -> str:
    """``deepmd.backend.backend``, and ``deepmd.backend`` for its ``__init__.py``."""
    parts = path.with_suffix("").parts
    parts = parts[parts.index("src") + 1 :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_imported(path: Path, known: Container[str]) -> set[str]:
    """The modules that a file names in its imports; `known` are those that are files."""
    names = set()
    for node in running_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names |= {name if name in known else node.module for name in inner}
    return names


def running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a file, those under ``if TYPE_CHECKING`` left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from running_nodes(node)


def names_imported(path: Path) -> set[str]:
    """Top-level names in a file's import statements, relative ones aside."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def test_core_knows_no_model_by_name():
    names = {name for group in (DESCRIPTOR, MODEL) for row in rows(group) for name in row.names}
    texts = [path.read_text(encoding="utf-8") for path in source_files("deepmd")]
    assert len(names) > 20
    shared = {"linear"}  # activation functions and learning rates have the name too
    assert not {name for name in names - shared if f'"{name}"' in "".join(texts)}


def test_help_needs_no_numpy():
    assert not loaded_by(SHOW_HELP) & (FRAMEWORKS | BACKENDS | {"numpy", "h5py", "rich", "yaml", "dargs"})


def test_listing_the_backends_imports_no_framework():
    assert not loaded_by(LIST_BACKENDS) & FRAMEWORKS


@pytest.mark.parametrize("order", ["tf jax pt pd", "pd pt jax tf"])
def test_all_frameworks_in_one_process(order):
    """libpaddle and TensorFlow both bring a protobuf; `deepmd_pd.quiet` keeps them apart."""
    assert loaded_by(IMPORT_FRAMEWORKS, *order.split()) >= FRAMEWORKS
