# SPDX-License-Identifier: LGPL-3.0-or-later
"""Turns random bits over in each kind of file of the installed backends, and prints what came of it as a table.

::

    python tests-consistency/try_flips.py --flips 100 [--seed 1] [--case "dpa3: …"] [.pth .pt …]

A case is one of the conformance suite, by the beginning of its name. Each backend's tests do ten flips. It exits with 1
where a file was read with other numbers, or refused with more than a line. Columns: refused, unchanged, wrong numbers,
errors that are not one line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from backends import BACKENDS, HAS_TENSORFLOW

from deepmd_dp.conformance.cases import CASES, CONVERSION_CASE, Case
from deepmd_dp.conformance.evaluation import Models
from deepmd_dp.conformance.file_kinds import FileKind, file_kinds_of
from deepmd_dp.conformance.flips import try_flips

SAME_AS_OTHERS = (".xlo", ".yml")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suffixes", nargs="*")
    parser.add_argument("--flips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", default="")
    args = parser.parse_args()
    case = next(each for each in (CONVERSION_CASE, *CASES) if each.name.startswith(args.case))
    found = [try_kind(case, kind, args.flips, args.seed) for kind in chosen_kinds(args.suffixes)]
    sys.exit(not all(found))


def chosen_kinds(suffixes: list[str]) -> list[FileKind]:
    kinds = [kind for flag in BACKENDS for kind in file_kinds_of(flag) if kind.suffix not in SAME_AS_OTHERS]
    kinds = [kind for kind in kinds if kind.suffix != ".savedmodel" or HAS_TENSORFLOW]
    return [kind for kind in kinds if not suffixes or kind.suffix in suffixes]


def try_kind(case: Case, kind: FileKind, number: int, seed: int) -> bool:
    """Prints a row; whether all is well."""
    with TemporaryDirectory() as folder:
        outcome = try_flips(Models(Path(folder)).path(case, kind), kind, number, seed)
    counts = outcome.refused, outcome.harmless, len(outcome.wrong), len(outcome.failed)
    print(f"| `{kind.suffix}` | {' | '.join(map(str, counts))} |", flush=True)
    for line in (*outcome.wrong, *outcome.failed):
        print(f"  {line}", file=sys.stderr)
    return not outcome.wrong and not outcome.failed


if __name__ == "__main__":
    main()
