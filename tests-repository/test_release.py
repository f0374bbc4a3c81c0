# SPDX-License-Identifier: LGPL-3.0-or-later
"""What `tox -e release` would publish, as far as it costs nothing: source distributions, versions, ranges."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import tomllib
from checkout import ROOT, tracked_files
from packaging.requirements import Requirement
from test_packages import PACKAGES, version_of


def settings_of(package: str) -> dict:
    return tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", PACKAGES)
def test_source_distribution_is_whole(package, tmp_path):
    """All that git has of the package, its tests too, and the headers that it is built with."""
    folder = ROOT / "packages" / package
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        # a link to a file outside would be refused by whoever unpacks it
        held = {str(Path(*Path(member.name).parts[1:])) for member in archive if member.isfile()}
    expected = {str(path.relative_to(folder)) for path in tracked_files(f"packages/{package}")}
    assert any(name.startswith("tests/test_") for name in expected)
    if "force-include" in settings_of(package)["tool"]["hatch"]["build"]["targets"].get("sdist", {}):
        expected |= {"csrc/deepmd_cc/include/deepmd/backend_plugin.h"}
    assert not expected - held


@pytest.mark.parametrize("package", PACKAGES)
def test_libraries_are_for_every_python(package):
    hook = settings_of(package)["tool"]["hatch"]["build"]["targets"]["wheel"].get("hooks", {}).get("scikit-build")
    assert (hook is not None) == (ROOT / "packages" / package / "CMakeLists.txt").is_file()
    assert hook is None or hook["wheel"]["py-api"] == "py3"


@pytest.mark.parametrize("package", PACKAGES)
def test_ranges_hold_the_versions_here(package):
    siblings = [
        requirement
        for requirement in map(Requirement, settings_of(package)["project"]["dependencies"])
        if requirement.name in PACKAGES
    ]
    for sibling in siblings:
        assert sibling.specifier.contains(version_of(sibling.name), prereleases=True)
        assert re.fullmatch(r"<[\d.]+,>=.+", str(sibling.specifier))
    assert siblings or package in ("deepmd-core", "deepmd-cc")


def test_table_is_of_these_versions():
    """The sizes are those of the last `tox -e release`, which a new version asks for."""
    text = (ROOT / "docs" / "releasing.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (deepmd-\w+) \| (\S+) \| `py3-none-(?:any|manylinux\S+)` \|", text, re.MULTILINE)
    assert rows == [(package, version_of(package)) for package in PACKAGES]
