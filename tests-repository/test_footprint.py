# SPDX-License-Identifier: LGPL-3.0-or-later
"""What comes along with deepmd-core and deepmd-dp; runs where nothing else but the tests' tools is installed."""

from __future__ import annotations

import importlib.util
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LIMIT = 150e6  # bytes
NOT_NEEDED = ("scipy", "torch", "tensorflow", "jax", "paddle")


def closure(names: list[str]) -> dict[str, Distribution]:
    """The distributions and all that they require, extras aside."""
    found: dict[str, Distribution] = {}
    while names:
        name = canonicalize_name(names.pop())
        if name in found:
            continue
        found[name] = distribution(name)
        requirements = map(Requirement, found[name].requires or ())
        names += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def size(installed: Distribution) -> int:
    """Of the files as installed, compiled ones included [bytes]."""
    paths = (file.locate() for file in installed.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


def test_size():
    sizes = {name: size(installed) for name, installed in closure(["deepmd-core", "deepmd-dp"]).items()}
    assert {"deepmd-core", "deepmd-dp", "numpy"} <= set(sizes)
    assert min(sizes["numpy"], sizes["deepmd-core"]) > 1e5
    assert sum(sizes.values()) < LIMIT, sizes


@pytest.mark.parametrize("name", NOT_NEEDED)
def test_not_installed(name):
    assert importlib.util.find_spec(name) is None


def test_missing_distribution_is_an_error():
    with pytest.raises(PackageNotFoundError):
        closure(["deepmd-core", "no-such-distribution"])
