# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every public name of the installed packages says what it is; an override may leave that to what it overrides."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest

PACKAGES = [
    name for name in ("deepmd", "deepmd_dp", "deepmd_pt", "deepmd_tf", "deepmd_jax", "deepmd_pd") if find_spec(name)
]
NAMES_OF_THE_STANDARD = ("namespace",)
"""Modules whose functions are those of the Array API, documented there."""


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_have_docstrings(package):
    missing = [name for module in _modules(package) for name in _undocumented(module)]
    assert not missing, "\n".join(missing)


def _modules(package: str) -> list[ModuleType]:
    root = import_module(package)
    names = [info.name for info in pkgutil.walk_packages(root.__path__, f"{package}.")]
    return [import_module(name) for name in names if not name.endswith("__main__")]


def _undocumented(module: ModuleType) -> list[str]:
    found = [] if inspect.getdoc(module) else [module.__name__]
    if module.__name__.endswith(NAMES_OF_THE_STANDARD):
        return found
    for name, item in vars(module).items():
        if name.startswith("_") or getattr(item, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(item):
            found += _undocumented_members(item)
        if (inspect.isclass(item) or inspect.isfunction(item)) and not inspect.getdoc(item):
            found.append(f"{module.__name__}.{name}")
    return found


def _undocumented_members(cls: type) -> list[str]:
    return [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for name, member in vars(cls).items()
        if not name.startswith(("_", "test_"))  # the conformance suite's tests are named by sentences
        and getattr(member, "__name__", "") != "<lambda>"  # the default of a field, which its class describes
        and (inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod))
        and not inspect.getdoc(getattr(cls, name) if not isinstance(member, property) else member)
        and not any(inspect.getdoc(getattr(base, name, None)) for base in cls.__mro__[1:] if hasattr(base, name))
    ]
