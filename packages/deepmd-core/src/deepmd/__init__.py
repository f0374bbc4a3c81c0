# SPDX-License-Identifier: LGPL-3.0-or-later
"""Deep Potential models: what a model is, and all that needs no deep-learning framework."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """``__version__`` is looked up when asked for, since reading the metadata would slow down `dp -h`."""
    if name != "__version__":
        raise AttributeError(f"module 'deepmd' has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("deepmd-core")
    except PackageNotFoundError:
        return "0+uninstalled"
