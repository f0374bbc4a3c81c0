# SPDX-License-Identifier: LGPL-3.0-or-later
"""The version that is installed."""

from __future__ import annotations


def core_version() -> str:
    """That of deepmd-core, looked up when asked for, since reading the metadata would slow down `dp -h`."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("deepmd-core")
    except PackageNotFoundError:
        return "0+uninstalled"
