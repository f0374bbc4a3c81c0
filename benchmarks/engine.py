# SPDX-License-Identifier: LGPL-3.0-or-later
"""Time of the native engine on water by phases, and its share of the machine's speed at matrix products.

    python benchmarks/engine.py --descriptor se_e2_a se_atten_v2 --molecules 512 4096 --threads 1 2

Nets 25-50-100, axis 16, fitting 240x3, random weights; processor time in µs an atom and step, without the neighbor
list. The share: operations of all products (those saved by the symmetry of the descriptor too) in the processor time of
a step, beside the speed of the fitting net's hidden layers timed just before and after.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from water import water_box

from deepmd.contract import document_to_bytes, new_document
from deepmd.schema import normalize
from deepmd_dp.model import new_model
from deepmd_dp.native.model import Model, multiply
from deepmd_dp.neighbor.frame import check_frame

if TYPE_CHECKING:
    from collections.abc import Callable

RCUT, NEURON, AXIS, FITTING = 6.0, [25, 50, 100], 16, [240, 240, 240]
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descriptor", nargs="+", default=["se_e2_a", "se_atten_v2"])
    parser.add_argument("--precision", nargs="+", default=["float64", "float32"])
    parser.add_argument("--molecules", nargs="+", type=int, default=[512, 4096])
    parser.add_argument("--threads", nargs="+", type=int, default=[1])
    options = parser.parse_args()
    for descriptor in options.descriptor:
        for precision in options.precision:
            document = document_to_bytes(random_model(descriptor, precision))
            for molecules in options.molecules:
                for threads in options.threads:
                    measure(f"{descriptor} {precision}", document, molecules, threads)


def random_model(descriptor: str, precision: str) -> dict[str, Any]:
    common = {"rcut": RCUT, "rcut_smth": 0.5, "neuron": NEURON, "axis_neuron": AXIS, "precision": precision}
    own = {"sel": [46, 92], "type_one_side": True} if descriptor == "se_e2_a" else {"sel": 138, "attn_layer": 0}
    fitting = {"neuron": FITTING, "precision": precision}
    model = {"type_map": ["O", "H"], "descriptor": {"type": descriptor, **common, **own}, "fitting_net": fitting}
    training = {"training_data": {"systems": ["none"]}, "numb_steps": 1}
    section = normalize({"model": model, "learning_rate": {"start_lr": 1e-3, "stop_lr": 1e-5}, "training": training})
    tree = new_model(section["model"], np.random.default_rng(1)).serialize()
    return new_document(tree, backend="DP", model_def_script=section["model"])


def measure(name: str, document: bytes, molecules: int, threads: int) -> None:
    model = Model(document, threads)
    coord, cell, types = water_box(molecules)
    frame, natoms = check_frame(coord, cell, types, None), len(types)

    def step() -> None:
        model.compute(frame, natoms)

    step()
    speed, best = product_speed(), {"": np.inf}
    for _ in range(ROUNDS):
        before = model.seconds
        step()
        phases = {phase: (seconds - before[phase]) / natoms * 1e6 for phase, seconds in model.seconds.items()}
        best = min(best, phases, key=lambda each: sum(each.values()))
    speed = max(speed, product_speed()) * (2.0 if "float32" in name else 1.0)
    total = sum(best.values())
    share = operations(name) / (total * 1e-6) / speed
    print(
        f"{name}, {natoms} atoms, {threads} threads: {total:.1f} µs an atom,",
        ", ".join(f"{phase} {each:.1f}" for phase, each in best.items()),
        f"; {share:.0%} of {speed / 1e9:.0f} Gflop/s",
        flush=True,
    )


def product_speed() -> float:
    """Operations a second of one thread at matrix products, float64."""
    return max(timed(lambda: multiply(20)) for _ in range(20))


def timed(task: Callable[[], float]) -> float:
    start = time.process_time()
    return task() / (time.process_time() - start)


def operations(name: str) -> float:
    """Of one atom's products, to and fro: embedding of two types with 6 intervals of 16, contraction, fitting net."""
    width, segments = NEURON[-1], 2 if "se_e2_a" in name else 3
    embedding = 2 * 4 * (6 * 16 * segments) * width
    contraction = 2 * 4 * width * AXIS
    sizes = [width * AXIS, *FITTING, 1]
    fitting = sum(2 * nin * nout for nin, nout in pairwise(sizes))
    return float(2 * embedding + 3 * contraction + 2 * fitting)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
