# SPDX-License-Identifier: LGPL-3.0-or-later
"""The README's table of what each backend can do, generated from the code.

    python tools/feature_table.py            # prints it
    python tools/feature_table.py --write    # puts it between the markers in README.md
    python tools/feature_table.py --check    # fails where README.md says something else

All backends of the project must be installed: what can be tried is tried, not taken from a list. A new optimiser in
the input schema, a new ending or a limitation of a backend shows up by itself, and so does a new descriptor, fitting,
loss or kind of model with what it lacks in which framework: they come from the registry.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.backend import Backend
from deepmd.backend.discovery import find_backend, get_backend
from deepmd.backend.known import KNOWN
from deepmd.errors import DeepmdError, InputError
from deepmd.registry import DESCRIPTOR, FITTING, LOSS, MODEL
from deepmd.registry.installed import OURS, rows_of
from deepmd.schema.optimizer import NOT_YET_OPTIMIZERS, optimizer
from deepmd_dp.conformance.cases import CASES
from deepmd_dp.conformance.documents import full_input
from deepmd_dp.conformance.training import new_trainer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.backend.known import KnownBackend
    from deepmd.registry import Row

README = Path(__file__).resolve().parent.parent / "README.md"
MARKER = "<!-- feature table -->"
NONE = "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="put it into README.md")
    action.add_argument("--check", action="store_true", help="compare it with README.md")
    args = parser.parse_args()
    try:
        table = feature_table()
    except DeepmdError as error:
        sys.exit(f"the table needs all backends: {error}")
    if not (args.write or args.check):
        print(table, end="")
        return
    before, present, after = parts_of(README.read_text(encoding="utf-8"))
    if args.write:
        README.write_text(MARKER.join([before, f"\n\n{table}\n", after]), encoding="utf-8")
    elif present != f"\n\n{table}\n":
        changes = difflib.unified_diff(
            present.splitlines(), ["", "", *table.splitlines(), ""], "README.md", "code", lineterm=""
        )
        sys.exit("\n".join([*changes, "README.md differs from the code: python tools/feature_table.py --write"]))


def parts_of(text: str) -> list[str]:
    """What stands before, between and after the two markers."""
    parts = text.split(MARKER)
    if len(parts) != 3:
        sys.exit(f"README.md must have two lines {MARKER}; it has {len(parts) - 1}.")
    return parts


def feature_table() -> str:
    """A column for each backend of the project, then the models, and what the frameworks can't do."""
    columns = [column(known.name, get_backend(known.flags[0])) for known in KNOWN]
    features = markdown([[title, *(each[title] for each in columns)] for title in columns[0]])
    limits = [line for known in KNOWN for line in limitations(get_backend(known.flags[0]))]
    return "\n\n".join("\n".join(part) for part in (features, model_table(), limits + model_limits()) if part) + "\n"


def markdown(rows: list[list[str]]) -> list[str]:
    """A table's lines; the first row is its head."""
    head, *body = rows
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body)]


def model_table() -> list[str]:
    """What deepmd-dp brings of each group of the registry, and with which backends it works."""
    rows = [["", *(known.name for known in KNOWN)]]
    for group, each in model_rows():
        kind = "kind of model" if group == MODEL else group.rpartition(".")[2]
        able = (not lacking(each, known) and (group != LOSS or trains(known)) for known in KNOWN)
        rows.append([f"{kind} `{each.name}`", *map(yes, able)])
    return markdown(rows)


def model_rows() -> list[tuple[str, Row]]:
    """The registry's rows of this project that can be used, by group."""
    groups = (DESCRIPTOR, FITTING, LOSS, MODEL)
    return [(group, row) for group in groups for row in rows_of(OURS, group) if not row.refusal]


def lacking(row: Row, known: KnownBackend) -> str:
    """Why a backend can't do it; empty where it can."""
    return next((row.lacks[flag] for flag in known.flags if flag in row.lacks), "")


def trains(known: KnownBackend) -> bool:
    """Whether a backend trains, so that losses mean something to it."""
    return Backend.Feature.ENTRY_POINT in find_backend(known.flags[0]).features


def model_limits() -> list[str]:
    """A line for each row and backend that do not go together."""
    pairs = [(row, known) for _, row in model_rows() for known in KNOWN if lacking(row, known)]
    return [f"- not with {known.name}: `{row.name}` ({lacking(row, known)})" for row, known in pairs]


def column(name: str, backend: Backend) -> dict[str, str]:
    """What one backend can do, by the title of the row; the first is the head of the table."""
    feature = Backend.Feature
    models = [suffix for suffix in backend.suffixes if suffix != backend.checkpoint_suffix]
    checkpoints = [backend.checkpoint_suffix] if backend.checkpoint_suffix else []
    return {
        "": name,
        "package": backend.distribution,
        "framework": backend.framework,
        "flag": f"`--{backend.flags[0]}`",
        "model files": listed(file_endings(backend, models)),
        "trains: `dp train`": yes(feature.ENTRY_POINT in backend.features),
        "optimisers": listed(offered_optimizers(backend)),
        "checkpoints, restarted by any backend": listed(file_endings(backend, checkpoints)),
        "evaluates: `dp test`, `DeepPot`, ASE": yes(feature.DEEP_EVAL in backend.features),
        "converts from and to any backend": yes(feature.IO in backend.features),
        "`dp neighbor-stat`": yes(feature.NEIGHBOR_STAT in backend.features),
        "C++ operator in training": yes(has_operator(backend)),
    }


def file_endings(backend: Backend, suffixes: Iterable[str]) -> list[str]:
    """Each ending with those of the further files that belong to such a file."""
    return [" + ".join(f"`{each}`" for each in (s, *backend.companion_suffixes.get(s, ()))) for s in suffixes]


def offered_optimizers(backend: Backend) -> list[str]:
    """Those of the input schema with which the backend starts a training."""
    if Backend.Feature.ENTRY_POINT not in backend.features:
        return []
    kinds = optimizer().sub_variants["type"].choice_dict
    return [kind for kind in kinds if kind not in NOT_YET_OPTIMIZERS and is_offered(kind, backend.flags[0])]


def is_offered(kind: str, flag: str) -> bool:
    case = CASES[0]
    try:
        new_trainer(case, flag, full_input(case, optimizer={"type": kind}))
    except InputError:
        return False
    return True


def has_operator(backend: Backend) -> bool:
    """Whether its compiled kernels load; a backend that has some keeps them in a module of this name."""
    module = f"{type(backend).__module__.partition('.')[0]}.kernel_library"
    return find_spec(module) is not None and import_module(module).load_library()


def limitations(backend: Backend) -> list[str]:
    return [f"- not with {backend.name}: {what} ({reason})" for what, reason in backend.limitations.items()]


def yes(is_able: bool) -> str:
    return "yes" if is_able else NONE


def listed(words: Iterable[str]) -> str:
    return ", ".join(words) or NONE


if __name__ == "__main__":
    main()
