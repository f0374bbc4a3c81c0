# SPDX-License-Identifier: LGPL-3.0-or-later
"""``python -m deepmd_cc --cmake-dir``: the package's folders, for build scripts."""

import argparse

from deepmd_cc import __version__, cmake_dir, include_dir


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deepmd_cc", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    for flag, value in (
        ("--include-dir", include_dir()),
        ("--cmake-dir", cmake_dir()),
        ("--version", __version__),
    ):
        what.add_argument(flag, dest="value", action="store_const", const=value)
    print(parser.parse_args().value)


if __name__ == "__main__":
    main()
