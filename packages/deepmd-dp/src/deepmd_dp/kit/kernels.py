# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends' libraries of kernels share: where a library lies, when it is left out."""

from __future__ import annotations

import os
import warnings
from importlib import metadata
from pathlib import Path

SWITCH = "DP_PLAIN_OPS"
"""Environment variable; ``1`` leaves all kernels out."""


def are_wanted() -> bool:
    """Whether kernels may be used at all."""
    return os.environ.get(SWITCH) != "1"


def find_library(distribution: str, stem: str, package_folder: Path) -> Path:
    """Where the compiled library lies: beside the Python files, or, in an editable install, in site-packages.

    Raises
    ------
    OSError
        It is in neither place.
    """
    beside = sorted((package_folder / "lib").glob(f"{stem}.*"))
    if beside:
        return beside[0]
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith(f"{stem}."):
            return Path(str(file.locate()))
    raise OSError(f"{stem} is neither in {package_folder / 'lib'} nor among {distribution}'s installed files")


def warn_without_kernels(distribution: str, framework: str, reason: object) -> None:
    """The one warning of a backend whose library does not load; `framework` with its version."""
    warnings.warn(
        f"{distribution} runs without its kernels, which is slower: {reason}. Reinstall {distribution} for "
        f"this Python and {framework}, or set {SWITCH}=1 to keep the plain form without this warning.",
        RuntimeWarning,
        stacklevel=3,
    )
