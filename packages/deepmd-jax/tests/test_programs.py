# SPDX-License-Identifier: LGPL-3.0-or-later
"""JAX compiles few programs, and what it compiled is freed: a process meets any number of sizes."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from models import PLAIN, new_trainer

from deepmd.data.batch import Batch
from deepmd.infer import DeepPot
from deepmd.train import TrainingState
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.training import LEARNING_RATE, make_batch
from deepmd_jax import compiled, frozen
from deepmd_jax.compiled import Compiled
from deepmd_jax.trainer import JaxTrainer

NSIZES, MOST = 60, 16


@pytest.fixture
def compilations(monkeypatch):
    """The programs that JAX was asked for."""
    made = []
    original = jax.jit

    def counted(function, **options):
        made.append(function)
        return original(function, **options)

    monkeypatch.setattr(compiled.jax, "jit", counted)
    return made


def frames_of_many_sizes():
    rng = np.random.default_rng(0)
    for natoms in rng.permutation(np.linspace(5, 300, NSIZES).astype(int)):
        length = (20.0 * natoms) ** (1 / 3)
        yield rng.uniform(0.0, length, (1, natoms, 3)), length * np.eye(3)[None], rng.integers(0, 2, natoms)


@pytest.mark.parametrize("kind", ["jax", "hlo"])
def test_evaluation(tmp_path, compilations, kind):
    path, document = tmp_path / f"model.{kind}", random_document(PLAIN)
    if kind == "jax":
        JaxTrainer.write_checkpoint(str(path), TrainingState(document, {}))
    else:
        frozen.write(str(path), document)
    compilations.clear()
    model = DeepPot(path)
    for coord, cell, atype in frames_of_many_sizes():
        model.eval(coord, cell, atype)
    assert 0 < len(compilations) <= MOST


def test_training(compilations):
    trainer = new_trainer()
    example = make_batch(PLAIN, "periodic and triclinic")
    compilations.clear()
    for coord, cell, atype in frames_of_many_sizes():
        labels = {name: np.zeros((1, *_shape(name, array, len(atype)))) for name, array in example.labels.items()}
        batch = Batch(
            coord=coord,
            box=cell,
            atype=atype[None],
            labels=labels,
            found=example.found,
            system=str(len(atype)),
            frames=np.array([0]),
        )
        trainer.gradients(trainer.prepare(batch), LEARNING_RATE)
    assert 0 < len(compilations) <= MOST


def _shape(name, array, natoms):
    return (natoms, *array.shape[2:]) if array.ndim == 3 else array.shape[1:]


def number_of_maps() -> int:
    return len(Path("/proc/self/maps").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="Linux tells the maps of a process")
def test_programs_are_freed():
    function = Compiled(lambda x: jax.numpy.sin(x) @ jax.numpy.cos(x).T)
    function.programs._most = 4

    def meet(sizes):
        for size in sizes:
            function(np.ones((size, 3)))
        return number_of_maps()

    before = meet(range(2, 32))
    assert meet(range(32, 132)) <= before + 100
    assert len(function.programs) == 4
