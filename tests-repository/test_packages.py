# SPDX-License-Identifier: LGPL-3.0-or-later
"""What every package must have: one version, a readme, a changelog, a licence, its name in the tools."""

from __future__ import annotations

import re

import pytest
from checkout import ROOT, tracked_files

PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir() if (path / "pyproject.toml").is_file())
SPDX = "SPDX-License-Identifier: LGPL-3.0-or-later"
SOURCES = ("*.py", "*.cpp", "*.hpp", "*.cmake", "*.toml", "*CMakeLists.txt")


def version_of(package: str) -> str:
    text = (ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1]


def test_packages_are_found():
    assert {"deepmd-core", "deepmd-cc", "deepmd-dp", "deepmd-pt"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_documents(package):
    folder = ROOT / "packages" / package
    assert (folder / "README.md").read_text(encoding="utf-8").startswith(f"# {package}\n")
    newest = re.search(r"^## (\S+)", (folder / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest[1] == version_of(package)
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize("package", PACKAGES)
def test_version_in_the_code(package):
    """Either the same number, or looked up in the installed metadata."""
    for path in (ROOT / "packages" / package / "src").glob("*/__init__.py"):
        stated = re.search(r'^__version__ = "(.+)"$', path.read_text(encoding="utf-8"), re.MULTILINE)
        assert stated is None or stated[1] == version_of(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_wheel_is_built_by_the_tool(package):
    assert f'"{package}"' in (ROOT / "tools/install_wheels.py").read_text(encoding="utf-8")


def test_source_files_state_the_license():
    sources = tracked_files(*SOURCES)
    assert len(sources) > 100
    missing = [path for path in sources if SPDX not in path.read_text(encoding="utf-8")[:200]]
    assert not missing
