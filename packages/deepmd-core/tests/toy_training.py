# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp` with the toy backends in a process of its own: ``python toy_training.py train input.json``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

INPUT = {
    "model": {
        "type_map": ["O", "H"],
        "descriptor": {"type": "pairs", "sel": [40, 80], "rcut": 3.0},
        "fitting_net": {"neuron": [4]},
    },
    "learning_rate": {"type": "exp", "start_lr": 0.05, "stop_lr": 0.001, "decay_steps": 5},
    "training": {
        "training_data": {"systems": "data", "batch_size": 2},
        "numb_steps": 8,
        "disp_freq": 2,
        "save_freq": 2,
        "max_ckpt_keep": 2,
        "seed": 1,
    },
}


def prepare(folder: Path, **training: object) -> None:
    """Writes data and an input; ``training`` changes keys of that section."""
    from toy_data import write_system

    write_system(folder / "data", [0, 1, 1], 10)
    (folder / "input.json").write_text(json.dumps(INPUT | {"training": INPUT["training"] | training}))


def command(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """A command line and its environment."""
    paths = [str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "DP_BACKEND": "toy"}
    return [sys.executable, __file__, *arguments], environment


def install() -> None:
    """Makes the toys the only installed backends and rows of this process."""
    import toy_rows
    from toy_backend import OtherToyBackend, ToyBackend

    from deepmd.backend import discovery

    toy_rows.installed.entry_points = toy_rows.entry_points
    toy_rows.forget()
    installed = {"toy": ToyBackend(), "other": OtherToyBackend()}
    discovery._load_all = lambda: (installed, {})
    discovery.registered_packages = lambda: ()


if __name__ == "__main__":
    from deepmd.main import main

    install()
    main()
