# SPDX-License-Identifier: LGPL-3.0-or-later
"""Trains on water from one input and one seed in every installed backend, and draws how far the curves differ.

    python tools/training_everywhere.py [--backend pt tf] [--steps 150] [--output picture.png]

Each backend trains from the start. Halfway it writes a checkpoint, from which the next backend goes on. The picture
shows the curves, their relative differences, and those of the restarts from the curves that they continue; the
figures are printed as a table. Fails where a difference is larger than docs/training-everywhere.md promises.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from training_picture import Curve, draw

from deepmd.backend import Backend
from deepmd.backend.discovery import installed_backends

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/water"
FIRST_LIMIT, LIMIT = 1e-9, 1e-5
"""Largest relative difference of the first step's loss and errors, and of every step's."""


def main() -> None:
    args = parse_args()
    backends = training_backends(args.backend)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(args.work or temporary)
        work.mkdir(parents=True, exist_ok=True)
        input_file = write_input(work, args.steps)
        curves = [train(work / flag, backend, input_file) for flag, backend in backends.items()]
        restarts = [
            go_on(work, source, target, args.steps // 2, curve)
            for (source, target), curve in zip(cycle(backends), curves, strict=True)
        ]
    curves = [curve.compare_with(curves[0]) for curve in curves]
    draw(args.output, curves, restarts, LIMIT)
    print_figures(curves, restarts)
    check(curves, restarts)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", nargs="+", metavar="FLAG", help="default: all installed ones that train")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/training-everywhere.png", help="picture to draw")
    parser.add_argument("--work", type=Path, help="new folder that keeps the trainings' files")
    return parser.parse_args()


def training_backends(flags: list[str] | None) -> dict[str, Backend]:
    """Those asked for, or all that train here; PyTorch, the reference, first."""
    able = {
        flag: backend
        for flag, backend in installed_backends().items()
        if Backend.Feature.ENTRY_POINT in backend.features and backend.is_available()
    }
    chosen = flags or sorted(able, key=lambda flag: flag != "pt")
    missing = set(chosen) - set(able)
    if missing:
        sys.exit(f"not installed, or they do not train: {', '.join(sorted(missing))}; see `dp backends`.")
    return {flag: able[flag] for flag in chosen}


def cycle(backends: dict[str, Backend]) -> list[tuple[Backend, Backend]]:
    """Each backend with the next one."""
    listed = list(backends.values())
    return list(zip(listed, listed[1:] + listed[:1], strict=True))


def write_input(work: Path, steps: int) -> Path:
    """The first steps of the example's training, with a row for each, a checkpoint halfway, and no validation."""
    config = json.loads((EXAMPLE / "input.json").read_text(encoding="utf-8"))
    training, rate = config["training"], config["learning_rate"]
    # as far down as the long training would be; at the end of a whole schedule nothing would be learnt any more
    rate["stop_lr"] = rate["start_lr"] * (rate["stop_lr"] / rate["start_lr"]) ** (steps / training["numb_steps"])
    training["training_data"]["systems"] = [str(EXAMPLE / name) for name in training["training_data"]["systems"]]
    del training["validation_data"]
    training |= {"numb_steps": steps, "disp_freq": 1, "save_freq": steps // 2}
    path = work / "input.json"
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return path


def train(folder: Path, backend: Backend, input_file: Path, *options: str) -> Curve:
    """Runs `dp train` in a folder of its own; gives the curve."""
    folder.mkdir()
    arguments = [f"--{backend.flags[0]}", "train", str(input_file), *options]
    print(f"$ dp {' '.join(arguments)}", file=sys.stderr, flush=True)
    command = [sys.executable, str(ROOT / "tools/record_steps.py"), "steps.jsonl", *arguments]
    done = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    rows = [json.loads(line) for line in (folder / "steps.jsonl").read_text(encoding="utf-8").splitlines()]
    return Curve(backend.name, {row.pop("step"): row for row in rows})


def go_on(work: Path, source: Backend, target: Backend, step: int, uninterrupted: Curve) -> Curve:
    """The training of one backend, continued by another from its checkpoint after so many steps."""
    names = source.flags[0], target.flags[0]
    checkpoint = work / names[0] / f"model.ckpt-{step}{source.checkpoint_suffix}"
    curve = train(work / "-".join(names), target, work / "input.json", "--restart", str(checkpoint))
    return Curve(f"{source.name} → {target.name}", curve.metrics).compare_with(uninterrupted)


def print_figures(curves: list[Curve], restarts: list[Curve]) -> None:
    """Markdown tables of the first losses and the largest differences."""
    print(f"| training | first loss | differs from {curves[0].label} in step 1 | in steps 1 to 50 | in all |")
    print("|---|---|---|---|---|")
    for curve in curves:
        first, *_ = curve.metrics
        differences = [largest_difference(curve, last) for last in (first, 50, max(curve.metrics))]
        print(f"| {curve.label} | {curve.metrics[first]['loss']:.15g} | {' | '.join(differences)} |")
    print("\n| restart | steps | differs from the uninterrupted training |")
    print("|---|---|---|")
    for curve in restarts:
        first, last = min(curve.metrics), max(curve.metrics)
        print(f"| {curve.label} | {first} to {last} | {largest_difference(curve, last)} |")


def largest_difference(curve: Curve, last: int) -> str:
    return f"{max(value for step, value in curve.differences.items() if step <= last):.1e}"


def check(curves: list[Curve], restarts: list[Curve]) -> None:
    """Fails where a curve differs by more than is promised."""
    apart = [curve.label for curve in curves if curve.differences[1] > FIRST_LIMIT]
    apart += [curve.label for curve in (*curves, *restarts) if max(curve.differences.values()) > LIMIT]
    if apart:
        sys.exit(f"further apart than {FIRST_LIMIT} in the first step, or {LIMIT} in any: {', '.join(apart)}.")


if __name__ == "__main__":
    main()
