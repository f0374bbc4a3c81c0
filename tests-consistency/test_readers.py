# SPDX-License-Identifier: LGPL-3.0-or-later
"""Readers on files that are damaged, misshapen or made to harm: one line that names the file, or a model, nothing else.

A few of each kind, in twenty seconds; ``DEEPMD_FUZZ_MINUTES=60`` tries for an hour, then also on files of other models,
and ``DEEPMD_FUZZ_SEED`` is where it starts. What fails is kept, and its seed is in the message.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import time
import traceback
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import yaml
from backends import BACKENDS
from mutations import change_bytes, change_text, change_tree

from deepmd.backend.model_files import open_model, read_model, read_state
from deepmd.contract import digest, write_document
from deepmd.data import System
from deepmd.entrypoints.convert_backend import read_with_self_test
from deepmd.errors import DeepmdError, ResultError
from deepmd.infer import DeepEval
from deepmd.schema import read_input
from deepmd.train import TrainingState
from deepmd_dp.conformance.cases import CASES, TABLE, TYPE_MAP, Case
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.file_kinds import file_kinds_of
from deepmd_dp.conformance.water import ATYPE, CELL, COORD
from deepmd_dp.kit import metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MINUTES = float(os.environ.get("DEEPMD_FUZZ_MINUTES", "0.1"))
SEED = int(os.environ.get("DEEPMD_FUZZ_SEED", "0"))
MOST_MEMORY = 256 * 2**20
"""More than the largest file here justifies [bytes], by far."""
LEFT_OUT = (".xlo", ".yml", *((".savedmodel", ".json", ".hlo") if MINUTES < 1.0 else ()))
"""Second names of kinds, and in a short run those that take long to be made: each backend's tests damage a few."""
KINDS = [kind for flag in BACKENDS for kind in file_kinds_of(flag) if kind.suffix not in LEFT_OUT]


class Whole(Case):
    """A model whose section is given whole."""

    def section(self) -> dict[str, Any]:
        return {"type_map": TYPE_MAP, **self.model}


MASK = {
    "descriptor": {"type": "se_a_mask", "sel": [4, 4], "neuron": [3, 6], "axis_neuron": 2},
    "fitting_net": {"neuron": [5]},
}
PAIR_TABLE = {"type": "pairtab", "tab_file": TABLE, "rcut": 4.0, "sel": 20}
FIRST = next(case for case in CASES if case.name == "se_e2_a: plain")
"""Of the files of whose kinds a few are tried."""
MODELS = [
    *(case for case in CASES if case.name.endswith((": plain", "strip", "concat", "near atoms", "in sequence"))),
    *(case for case in CASES if case.fitting.get("type", "ener") != "ener" or case.beside or "spin" in case.model),
    *(case for case in CASES if case.descriptor["type"] == "se_a_ebd_v2"),
    *(Whole(name, {}, model=model) for name, model in (("se_a_mask", MASK), ("pairtab", PAIR_TABLE))),
]
"""All kinds of descriptors, fittings and models; a frozen one stands in files as what it is."""
SHARE = 60.0 * MINUTES / (len(KINDS) + 12)
"""Seconds for each kind of file, state, input and data."""


def use_model(path: Path) -> None:
    """What `dp show` and an evaluation do."""
    read_model(path)
    with closing(DeepEval(path)) as model:
        types = np.arange(3) % model.get_ntypes()
        parameters = {
            name: np.zeros(size)
            for name, size in (("fparam", model.get_dim_fparam()), ("aparam", 3 * model.get_dim_aparam()))
            if size
        }
        coord = np.arange(9.0).reshape(1, 3, 3) ** 1.1
        spin = np.full_like(coord, 0.1) if any(model.get_use_spin()) else None
        model.eval_terms(coord, None, types, spin=spin, **parameters)


def use_state(path: Path) -> None:
    """What a restart does first."""
    state = read_state(path)
    with closing(open_model(path)):
        assert state.step >= 0


def use_input(path: Path) -> None:
    """What a training does with its input."""
    read_input(path)


def use_data(path: Path) -> None:
    """What a training does with its data."""
    system = System(str(path), ["O", "H"])
    system.check()
    system.read([0])


def problem_of(use: Callable[[Path], None], path: Path) -> str:
    """What is wrong with how a file is read: empty where it gives a model, or a line with the file's name."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()  # of a busy machine's clock nothing follows
    try:
        use(path)
    except ResultError:
        pass  # a number in it is not finite
    except DeepmdError as error:
        if path.stem not in str(error):
            return f"no name of the file: {type(error).__name__}: {error}"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {place.filename}:{place.lineno}: {error}"
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if grown > MOST_MEMORY:
        return f"{grown >> 20} MiB of memory"
    return "more than 30 s" if time.process_time() - begin > 30.0 else ""


def try_for_a_while(
    name: str,
    make: Callable[[random.Random, Path], Path | None],
    use: Callable[[Path], None],
    folder: Path,
    shares: int = 1,
) -> None:
    """Reads changed files for this kind's share of the time; fails with a line for each different problem."""
    problems: dict[str, str] = {}
    kept = folder / "kept"
    kept.mkdir()
    end, seed, count = time.monotonic() + SHARE * shares, SEED, 0
    while time.monotonic() < end or count < 2:
        place = folder / "trial"
        place.mkdir()
        path = make(random.Random(f"{name} {seed}"), place)
        if path is not None:
            problem = problem_of(use, path)
            key = problem.partition(":")[0] + problem.partition(".py:")[2][:4]
            if problem and key not in problems:
                problems[key] = f"seed {seed}: {problem[:1000]}"
                shutil.copytree(place, kept / str(seed))
            count += 1
        shutil.rmtree(place)
        seed += 1
    print(f"{name}: {count} files read")
    assert not problems, "\n".join(problems.values())


def changed_files(original: Path) -> Callable[[random.Random, Path], Path]:
    """What copies a model, of one file or several, and changes the bytes of one of them."""

    def make(rng: random.Random, folder: Path) -> Path:
        copy = shutil.copytree(original.parent, folder / "copy") / original.name
        files = sorted(each for each in copy.parent.rglob("*") if each.is_file())
        chosen = rng.choice(files)
        chosen.write_bytes(change_bytes(chosen.read_bytes(), rng))
        return copy

    return make


@pytest.fixture
def forged(monkeypatch):
    """Digests that are right whatever was changed, as who harms on purpose makes them."""
    if os.environ.get("DEEPMD_FUZZ_FORGED"):
        monkeypatch.setattr(digest, "_DIGEST", re.compile(b"(?!)"))
        monkeypatch.setattr(metadata, "sealed", lambda text, parts: text)


@pytest.mark.usefixtures("forged")
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_changed_bytes(kind, tmp_path):
    case = FIRST if MINUTES < 1.0 else MODELS[(KINDS.index(kind) + SEED) % len(MODELS)]
    (tmp_path / "whole").mkdir()
    original = kind.write(tmp_path / "whole" / "model", random_document(case))
    use = use_state if kind.is_checkpoint else use_model
    if MINUTES >= 1.0:
        use(original)  # compilers and their first programs take memory once
    try_for_a_while(f"{kind} of {case}", changed_files(original), use, tmp_path)


def test_changed_trees(tmp_path):
    @cache
    def document_of(case):
        write_document(tmp_path / "model.dp", random_document(case))
        return read_with_self_test(str(tmp_path / "model.dp"))

    def make(rng, folder):
        document = document_of(rng.choice(MODELS))
        path = folder / f"changed{rng.choice(('.dp', '.yaml', '.safetensors'))}"
        try:
            write_document(path, change_tree(document, rng))
        except Exception:  # what no file can hold
            return None
        return path

    try_for_a_while("trees", make, use_model, tmp_path, shares=4)


@pytest.mark.parametrize("flag", [flag for flag in BACKENDS if BACKENDS[flag].checkpoint_suffix])
def test_changed_states(flag, tmp_path):
    document = random_document(FIRST)
    moments = {f"{slot}/fitting.nets.networks.0.layers.0.w": np.ones((8, 5)) for slot in ("exp_avg", "exp_avg_sq")}
    loop = {"data": {"seed": 1, "drawn": 2}, "average": {"weights": {"loss": 1.0}, "sums": {"loss": 0.5}}}
    state = {"model": document, "optimizer": moments, "step": 2, "loop": loop}
    trainer, suffix = BACKENDS[flag].trainer, BACKENDS[flag].checkpoint_suffix

    def make(rng, folder):
        path = folder / f"changed{suffix}"
        try:
            trainer.write_checkpoint(str(path), TrainingState(**change_tree(state, rng)))
        except Exception:  # what no file can hold
            return None
        return path

    try_for_a_while(f"state of {flag}", make, use_state, tmp_path)


@pytest.mark.parametrize("name", ["input.json", "input.yaml"])
def test_changed_inputs(name, tmp_path):
    frozen = {"type_map": TYPE_MAP, "type": "frozen", "model_file": str(tmp_path / "frozen.dp")}
    sections = [FIRST.section(), frozen, *(case.section() for case in MODELS)]
    config = {
        "learning_rate": {"start_lr": 1e-3, "decay_steps": 100, "decay_rate": 0.9},
        "loss": {"start_pref_e": 1, "limit_pref_e": 1, "start_pref_f": 1, "limit_pref_f": 1},
        "training": {"systems": ["data"], "batch_size": 1, "stop_batch": 100, "disp_freq": 10},
    }
    dump = json.dumps if name.endswith("json") else yaml.safe_dump

    def make(rng, folder):
        path, is_tree = folder / name, rng.random() < 0.6
        whole = config | {"model": rng.choice(sections)}
        try:
            text = dump(change_tree(whole, rng) if is_tree else whole).encode()
        except (ValueError, RecursionError):
            return None
        path.write_bytes(text if is_tree else change_text(text, rng))
        return path

    try_for_a_while(name, make, use_input, tmp_path)


def write_data(folder: Path) -> Path:
    """Three frames of water."""
    coord = np.stack([COORD, COORD + 0.1, COORD + 0.2])
    arrays = {"coord": coord.reshape(3, -1), "box": np.tile(CELL.ravel(), (3, 1)), "energy": np.zeros(3)}
    (folder / "set.000").mkdir(parents=True)
    for key, array in arrays.items():
        np.save(folder / "set.000" / f"{key}.npy", array)
    (folder / "type.raw").write_text("\n".join(map(str, ATYPE)))
    (folder / "type_map.raw").write_text("O\nH\n")
    return folder


def test_changed_data(tmp_path):
    original = write_data(tmp_path / "whole" / "data")
    numbers = ("inf", "nan", "1e308", "-1", "1e9", "0.5", "99999999999999999999", "")

    def make(rng, folder):
        if rng.random() < 0.5:
            return changed_files(original)(rng, folder)
        copy = shutil.copytree(original, folder / "data")
        if rng.random() < 0.5:
            (copy / "type.raw").write_text(" ".join(rng.choice((*numbers, "0", "1")) for _ in ATYPE))
        else:
            path = copy / "set.000" / rng.choice(("coord.npy", "box.npy"))
            array = np.load(path)
            array.flat[rng.randrange(array.size)] = rng.choice((1e308, -1e200, np.inf, np.nan, 1e10))
            np.save(path, rng.choice((array, array.astype(object), array.T, array.astype(str))))
        return copy

    try_for_a_while("data", make, use_data, tmp_path)


def test_changed_hdf5(tmp_path):
    original = tmp_path / "whole" / "data.hdf5"
    folder = write_data(tmp_path / "data")
    original.parent.mkdir()
    with h5py.File(original, "w") as file:
        for key in ("coord", "box", "energy"):
            file[f"set.000/{key}.npy"] = np.load(folder / "set.000" / f"{key}.npy")
        file["type.raw"], file["type_map.raw"] = ATYPE, np.array(["O", "H"], dtype="S1")
    try_for_a_while("hdf5", changed_files(original), use_data, tmp_path)
