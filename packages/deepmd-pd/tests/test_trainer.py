# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the conformance suite leaves open of the training step: speed-ups, threads, values that are not finite."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from models import case

from deepmd.contract import walk_arrays
from deepmd.errors import ModelFileError
from deepmd_dp.conformance.training import LEARNING_RATE, config_of, make_batch
from deepmd_pd.framework import paddle
from deepmd_pd.trainer import PaddleTrainer

FRAMES = "periodic and triclinic"
CASES = ["se_e2_a: plain", "se_atten: plain"]


def new_trainer(name: str = CASES[0], **sections) -> PaddleTrainer:
    config = config_of(case(name)) | sections
    return PaddleTrainer.from_input(config, lambda *_: iter([make_batch(case(name), FRAMES)]))


def train(trainer, nsteps: int, name: str = CASES[0]) -> list[dict[str, float]]:
    prepared = trainer.prepare(make_batch(case(name), FRAMES))
    return [trainer.step(prepared, LEARNING_RATE) for _ in range(nsteps)]


def arrays_of(trainer) -> dict[str, np.ndarray]:
    return dict(walk_arrays(trainer.state().model["model"]))


def is_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", CASES)
def test_loss_goes_down(name):
    losses = [metrics["loss"] for metrics in train(new_trainer(name), 40, name)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", CASES)
def test_restart_goes_on(name, tmp_path):
    """To rounding: the intervals of the nets' polynomials are found anew."""
    trainer = new_trainer(name)
    train(trainer, 3, name)
    path = str(tmp_path / "model.ckpt.pd")
    trainer.write_checkpoint(path, trainer.state())
    restarted = PaddleTrainer.from_state(config_of(case(name)), PaddleTrainer.read_checkpoint(path))
    for mine, other in zip(train(restarted, 3, name), train(trainer, 3, name), strict=True):
        assert mine == pytest.approx(other, rel=1e-11)
    expected = arrays_of(trainer)
    assert all(np.abs(array - expected[path]).max() < 1e-11 for path, array in arrays_of(restarted).items())


def test_paddle_reads_a_checkpoint_without_running_code(tmp_path):
    trainer = new_trainer()
    path = str(tmp_path / "model.ckpt.pd")
    trainer.write_checkpoint(path, trainer.state())
    read = paddle.load(path, safetensors=True)
    assert all(isinstance(each, paddle.Tensor) for each in read.values())
    assert {tuple(each.shape) for each in read.values()} >= {
        tuple(each.shape) for each in trainer.parameters().values()
    }


def test_damaged_checkpoint(tmp_path):
    trainer = new_trainer()
    path = tmp_path / "model.ckpt.pd"
    trainer.write_checkpoint(str(path), trainer.state())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match=r"model\.ckpt\.pd"):
        PaddleTrainer.read_checkpoint(str(path))


def test_state_is_a_copy():
    trainer = new_trainer()
    train(trainer, 1)
    state = trainer.state()
    copies = {name: array.copy() for name, array in [*walk_arrays(state.model["model"]), *state.optimizer.items()]}
    train(trainer, 2)
    assert is_same(copies, dict([*walk_arrays(state.model["model"]), *state.optimizer.items()]))


def test_batches_are_prepared_in_another_thread():
    trainer, prepared = new_trainer(), []
    thread = threading.Thread(target=lambda: prepared.append(trainer.prepare(make_batch(case(CASES[0]), FRAMES))))
    thread.start()
    thread.join()
    assert trainer.step(prepared[0], LEARNING_RATE) == train(new_trainer(), 1)[0]


def test_a_loss_that_is_not_finite_changes_nothing():
    trainer, batch = new_trainer(), make_batch(case(CASES[0]), FRAMES)
    batch.labels["energy"][0] = np.nan
    before = arrays_of(trainer)
    assert np.isnan(trainer.step(trainer.prepare(batch), LEARNING_RATE)["loss"])
    assert is_same(before, arrays_of(trainer))
    assert not trainer.state().optimizer


@pytest.mark.parametrize(("part", "rest"), [("descriptor", "fitting"), ("fitting_net", "descriptor")])
@pytest.mark.parametrize("name", CASES)
def test_a_part_that_is_not_trainable_stays(name, part, rest):
    config = config_of(case(name))
    model = config["model"] | {part: config["model"][part] | {"trainable": False}}
    trainer = new_trainer(name, model=model)
    before = arrays_of(trainer)
    train(trainer, 2, name)
    changed = {
        path.split(".")[0] for path, array in arrays_of(trainer).items() if not np.array_equal(array, before[path])
    }
    assert changed == {rest}


def test_energies_alone_need_no_second_derivative():
    config = config_of(case(CASES[0]))
    loss = config["loss"] | {f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("f", "v", "pf", "gf")}
    losses = [metrics["loss"] for metrics in train(new_trainer(loss=loss), 5)]
    assert losses[-1] < losses[0]
