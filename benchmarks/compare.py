# SPDX-License-Identifier: LGPL-3.0-or-later
"""Times every installed backend beside deepmd-kit's same framework on the same machine, by turns, and prints ratios.

    python benchmarks/compare.py --peer pt=/venvs/torch/bin/python tf=/venvs/tensorflow/bin/python
    python benchmarks/compare.py --backend tf --plain --only training

Run it by a Python that has deepmd-core; the backends that train are found by their entry points, in this Python or
in the one that `--ours` names for a backend. `--peer` names, for each framework, the Python of an environment with
deepmd-kit 3.2.0. All sides run the same commands of `dp` and the same scripts of the Python API on the same input.
Ratios are ours / theirs: below 1 we are faster.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alternation import HEAD, measure
from side import Side
from water import SECTIONS

SUBJECTS = ("start-up", "neighbor-list", "training", "inference")
NATOMS = (192, 1536)
LIST_BACKENDS = """
import json
from deepmd.backend.discovery import installed_backends
able = {flag: backend for flag, backend in installed_backends().items() if backend.is_available()}
print(json.dumps({flag: backend.suffixes[0] for flag, backend in able.items() if backend.checkpoint_suffix}))
"""


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(args, Path(folder))
        print(HEAD)
        rows = [row for subject in args.only for row in comparison.rows_of(subject)]
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    pairs = dict(nargs="+", default=[], type=flag_and_python, metavar="FLAG=PYTHON")
    parser.add_argument("--backend", nargs="+", metavar="FLAG", help="default: all installed ones that train")
    parser.add_argument("--ours", **pairs, help="Python for a backend of ours; default: the one that runs this")
    parser.add_argument("--peer", **pairs, help="Python of an environment with deepmd-kit and that framework")
    parser.add_argument("--peer-flag", metavar="FLAG", help="the peer's framework; default: the backend's own")
    parser.add_argument("--plain", action="store_true", help="training: beside ours without the C++ operator too")
    parser.add_argument("--beside", metavar="FLAG", help="training, inference: beside this backend of ours too")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS)
    parser.add_argument("--descriptor", nargs="+", choices=SECTIONS, default=("se_e2_a", "se_atten"))
    parser.add_argument("--batch-size", nargs="+", type=int, default=[1], help="training: frames of 192 atoms")
    parser.add_argument("--natoms", nargs="+", type=int, default=NATOMS, help="inference: sizes, multiples of 3")
    parser.add_argument("--suffix", nargs="+", metavar=".ENDING", help="inference: kinds of files; default: the first")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40, help="training: steps that a time is the mean of")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    return parser.parse_args()


def flag_and_python(text: str) -> tuple[str, str]:
    """The two parts of ``tf=/venvs/tf/bin/python``; ``pt`` where there is no flag."""
    flag, _, python = text.rpartition("=")
    return flag or "pt", python


class Comparison:
    """Who is compared with whom, and in what."""

    def __init__(self, args: argparse.Namespace, folder: Path) -> None:
        self._args = args
        self._folder = folder
        self._pythons, self._peers = dict(args.ours), dict(args.peer)
        self._suffixes = installed_suffixes(sys.executable)
        for flag, python in self._pythons.items():
            self._suffixes |= {key: suffix for key, suffix in installed_suffixes(python).items() if key == flag}
        self._flags = args.backend or sorted(self._suffixes)
        missing = {*self._flags, *filter(None, [args.beside])} - set(self._suffixes)
        if missing or not self._flags:
            sys.exit(f"not installed, or they do not train: {', '.join(sorted(missing)) or 'any'}; see `dp backends`.")

    def rows_of(self, subject: str) -> list[dict[str, Any]]:
        """The figures of one subject."""
        if subject in ("training", "inference"):
            rows = getattr(self, f"_{subject}")
            return [row for flag in self._flags for row in rows(flag)]
        return self._start_up() if subject == "start-up" else self._neighbor_list()

    def _start_up(self) -> list[dict[str, Any]]:
        flag = next((flag for flag in self._flags if flag in self._peers), self._flags[0])
        return [self._measure(self._pair("start-up", flag), "dp -h", "start_up")]

    def _neighbor_list(self) -> list[dict[str, Any]]:
        # the list is the same for all of our backends; deepmd-kit's is that of its torch code, which is O(N²) and
        # does not fit the memory at the second size
        ours, *peer = self._pair("neighbor-list", "pt" if "pt" in self._flags else self._flags[0])
        cases = (([ours, *(side for side in peer if side.flag == "pt")], 1536), ([ours], 12000))
        return [
            self._measure(sides, f"neighbor list, {natoms:,} atoms, 6 Å", "neighbor_list", natoms)
            for sides, natoms in cases
        ]

    def _training(self, flag: str) -> list[dict[str, Any]]:
        sides = self._pair("training", flag)
        if self._args.plain:
            sides.append(self._side("training", "plain form", flag, DP_PLAIN_OPS="1"))
        sides += self._other_backend("training", flag)
        what = f"{flag}: training step, {{}}, {{}} × 192 atoms"
        return [
            self._measure(sides, what.format(descriptor, size), "training_step", descriptor, size, self._args.steps)
            for descriptor in self._args.descriptor
            for size in self._args.batch_size
        ]

    def _inference(self, flag: str) -> list[dict[str, Any]]:
        sides = self._pair("inference", flag) + self._other_backend("inference", flag)
        rows = []
        for suffix in self._args.suffix or [None]:
            for side in sides:
                side.convert(self._model(), suffix or self._suffixes[side.flag])
            what = f"{flag}: energy, force, virial, se_e2_a, {suffix or self._suffixes[flag]}, {{:,}} atoms"
            rows += [self._measure(sides, what.format(n), "inference", n) for n in self._args.natoms]
        return rows

    def _model(self) -> Path:
        """The model that every side evaluates, made by a training of one step."""
        path = self._folder / "model.dp"
        if not path.exists():
            side = self._side("model", "ours", self._flags[0])
            side.train("se_e2_a", 1, disp_freq=1)
            side.run(side.dp, "freeze", "-o", str(path))
        return path

    def _pair(self, subject: str, flag: str) -> list[Side]:
        """Ours, and deepmd-kit where its Python was given."""
        sides = [self._side(subject, "ours", flag)]
        if flag in self._peers:
            work = self._folder / subject / f"{flag} deepmd-kit"
            sides.append(Side("deepmd-kit", self._args.peer_flag or flag, self._peers[flag], work))
        return sides

    def _other_backend(self, subject: str, flag: str) -> list[Side]:
        other = self._args.beside
        return [self._side(f"{subject} {flag}", f"our {other}", other)] if other not in (None, flag) else []

    def _side(self, subject: str, label: str, flag: str, **environment: str) -> Side:
        python = self._pythons.get(flag, sys.executable)
        return Side(label, flag, python, self._folder / subject / f"{flag} {label}", environment)

    def _measure(self, sides: list[Side], what: str, method: str, *args: Any) -> dict[str, Any]:
        return measure(sides, self._args.rounds, what, method, *args)


def installed_suffixes(python: str) -> dict[str, str]:
    """The backends that train in an environment, each with the ending of its frozen files."""
    done = subprocess.run([python, "-c", LIST_BACKENDS], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
