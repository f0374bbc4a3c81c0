# SPDX-License-Identifier: LGPL-3.0-or-later
"""Header-only C++17 kernels of Deep Potential models, and where they lie."""

from pathlib import Path

__all__ = ["__version__", "cmake_dir", "include_dir"]

__version__ = "4.0.0a1"

_ROOT = Path(__file__).resolve().parent


def include_dir() -> str:
    """Folder to pass to a C++ compiler as ``-I``; it holds ``deepmd/*.hpp``."""
    return str(_ROOT / "include")


def cmake_dir() -> str:
    """Folder to pass to CMake as ``-Ddeepmd_cc_DIR=``; it holds the package config."""
    return str(_ROOT / "share" / "cmake" / "deepmd_cc")
