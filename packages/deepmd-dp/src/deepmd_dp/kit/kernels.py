# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends' libraries of kernels share: where a library lies, when it is left out."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = "DP_PLAIN_OPS"
"""Environment variable; ``1`` leaves all kernels out."""
_in_graphs = ContextVar("graphs run on kernels", default=False)


def are_wanted() -> bool:
    """Whether kernels may be used at all."""
    return os.environ.get(SWITCH) != "1"


@contextmanager
def in_graphs() -> Iterator[None]:
    """Graphs recorded in this block run on kernels; others hold plain operations, which need no library of ours."""
    token = _in_graphs.set(True)
    try:
        yield
    finally:
        _in_graphs.reset(token)


def are_wanted_in_graphs() -> bool:
    """Whether a graph that is being recorded may use kernels."""
    return _in_graphs.get() and are_wanted()


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
