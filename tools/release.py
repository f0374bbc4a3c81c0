# SPDX-License-Identifier: LGPL-3.0-or-later
"""Makes what would be published and tries it as a stranger would; `tox -e release` runs it.

    python tools/release.py                    # all packages and environments; writes the table in docs/releasing.md
    python tools/release.py build dp pt        # source distributions and wheels of some packages, checked
    python tools/release.py try pt             # a fresh environment with what was built (tools/release_trial.py)

Everything lies in ``dist/release``. docs/releasing.md says what is done with it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from install_wheels import DIST, ROOT, SOURCES
from release_trial import TRIALS, try_release

RELEASE = DIST / "release"
TABLE = ROOT / "docs" / "releasing.md"
OF_FRAMEWORKS = ("libtorch*", "libc10*", "libtensorflow*", "libpaddle*", "libphi*", "libcommon*")
"""Libraries that are not put into a wheel: the framework that is installed beside it has them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("all", "build", "try"), default="all")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SOURCES)}; by default all")
    args = parser.parse_args()
    if args.what != "try":
        for name in args.names or SOURCES:
            build(name)
        check(sorted(RELEASE.iterdir()))
        write_table()
    if args.what != "build":
        for name in args.names or TRIALS:
            try_release(name, RELEASE)


def build(name: str) -> None:
    """The source distribution of a package, and the wheel that is built from that alone."""
    package = SOURCES[name][0]
    RELEASE.mkdir(parents=True, exist_ok=True)
    for older in RELEASE.glob(f"{package.replace('-', '_')}-*"):
        older.unlink()
    with tempfile.TemporaryDirectory() as temporary:
        # unpacks the source distribution elsewhere and builds there, in environments of its own
        run("build", "--outdir", temporary, str(ROOT / "packages" / package))
        wheel = next(Path(temporary).glob("*.whl"))
        if wheel.stem.endswith("-any"):
            shutil.move(wheel, RELEASE)
        else:
            repair(wheel)
        shutil.move(next(Path(temporary).glob("*.tar.gz")), RELEASE)


def repair(wheel: Path) -> None:
    """Names the oldest Linux that the libraries of a wheel run on, and leaves them as they are."""
    excluded = [word for name in OF_FRAMEWORKS for word in ("--exclude", name)]
    run("auditwheel", "repair", "--plat", "auto", *excluded, "--wheel-dir", str(RELEASE), str(wheel))


def check(files: list[Path]) -> None:
    """What PyPI and pip require, and what would tie a wheel to this machine or to this Python."""
    wheels = [file for file in files if file.suffix == ".whl"]
    run("twine", "check", "--strict", *map(str, files))
    run("check_wheel_contents", *map(str, wheels))
    for wheel in wheels:
        if "-py3-none-" not in wheel.name or "-linux_" in wheel.name:
            raise SystemExit(f"{wheel.name} is for one Python, or for this machine only")
        with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith(".so"):
                    check_library(Path(archive.extract(member, temporary)))


def check_library(library: Path) -> None:
    """Refuses folders of this machine and Python's library."""
    folders, needed = (
        subprocess.run(["patchelf", what, library], capture_output=True, text=True, check=True).stdout.split()
        for what in ("--print-rpath", "--print-needed")
    )
    foreign = [folder for folder in ":".join(folders).split(":") if folder and not folder.startswith("$ORIGIN")]
    foreign += [name for name in needed if name.startswith("libpython")]
    if foreign:
        raise SystemExit(f"{library.name} looks for {', '.join(foreign)}")


def write_table() -> None:
    """The table of docs/releasing.md, as the files are."""
    rows = ["| package | version | wheel for | wheel, kB | unpacked, kB | libraries | source, kB |", "|" + "---|" * 7]
    for wheel in sorted(RELEASE.glob("*.whl")):
        name, version, *tags = wheel.stem.split("-")
        source = next(RELEASE.glob(f"{name}-{version}.tar.gz"))
        with zipfile.ZipFile(wheel) as archive:
            sizes = {each.filename: each.file_size for each in archive.infolist()}
        libraries = sum(file.endswith(".so") for file in sizes)
        rows.append(
            f"| {name.replace('_', '-')} | {version} | `{'-'.join(tags)}` | {kilobytes(wheel.stat().st_size)} | "
            f"{kilobytes(sum(sizes.values()))} | {libraries or '–'} | {kilobytes(source.stat().st_size)} |"
        )
    print("\n".join(rows), flush=True)
    text = TABLE.read_text(encoding="utf-8")
    TABLE.write_text(re.sub(r"^\| package \|.*\n(\|.*\n)*", "\n".join(rows) + "\n", text, flags=re.M), encoding="utf-8")


def kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f}"


def run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)


if __name__ == "__main__":
    main()
