# SPDX-License-Identifier: LGPL-3.0-or-later
"""Builds the wheels of our packages whose sources changed, and installs them into the Python that runs this.

    python tools/install_wheels.py core dp pt

A wheel is kept in ``dist/<package>-<Python>-<hash of its sources>/``, so that the environments of tox share it.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
CONSTRAINTS = ROOT / "constraints.txt"
HEADERS = "deepmd-cc/src"
SOURCES = {
    "core": ("deepmd-core",),
    "cc": ("deepmd-cc",),
    "dp": ("deepmd-dp", HEADERS),
    "pt": ("deepmd-pt", HEADERS),
    "tf": ("deepmd-tf", HEADERS),
    "jax": ("deepmd-jax", HEADERS),
    "pd": ("deepmd-pd", HEADERS),
}
"""The folders below ``packages`` that a wheel is made of, its own first."""
NOT_SOURCES = {"__pycache__", ".pytest_cache", ".ruff_cache", "build", "dist", "tests"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="+", choices=SOURCES, metavar="PACKAGE", help=", ".join(SOURCES))
    wheels = [str(wheel_of(name)) for name in parser.parse_args().packages]
    # the version stays the same while the contents change, so that pip would keep what is installed
    pip("install", "--no-deps", "--force-reinstall", *wheels)
    pip("install", "--constraint", str(CONSTRAINTS), *wheels)


def wheel_of(package: str) -> Path:
    """The wheel of a package as its sources are now, built where there is none yet."""
    python = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
    folder = DIST / f"{package}-{python}-{hash_of(package)}"
    if not folder.is_dir():
        for older in DIST.glob(f"{package}-{python}-*"):
            shutil.rmtree(older, ignore_errors=True)
        build(package, folder)
    return next(folder.glob("*.whl"))


def hash_of(package: str) -> str:
    """A hash of the names and contents of the package's sources."""
    digest = hashlib.sha256()
    for path in source_files(package):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def source_files(package: str) -> Iterator[Path]:
    for folder in SOURCES[package]:
        for path in sorted((ROOT / "packages" / folder).rglob("*")):
            if path.is_file() and not NOT_SOURCES.intersection(path.relative_to(ROOT).parts):
                yield path


def build(package: str, folder: Path) -> None:
    """Builds the wheel; another process that builds the same one meanwhile does no harm."""
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DIST) as temporary:
        new = Path(temporary, "wheel")
        pip("wheel", "--no-deps", "--wheel-dir", str(new), str(ROOT / "packages" / SOURCES[package][0]))
        if not folder.is_dir():
            new.rename(folder)


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
