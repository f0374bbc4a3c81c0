# SPDX-License-Identifier: LGPL-3.0-or-later
"""The training step: it learns, restarts, clips, and evaluates without a change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from deepmd.contract import walk_arrays
from deepmd.errors import InputError
from deepmd_dp.conformance.water import (
    DESCRIPTORS,
    full_input,
    make_batch,
    new_document_of,
    new_trainer,
    state_of,
    train,
)
from deepmd_dp.model import trial
from deepmd_dp.numpy_backend.compress import compress
from deepmd_pt.trainer import PyTorchTrainer

LR = 1e-2


def arrays_of(trainer) -> dict[str, np.ndarray]:
    return {path: array.copy() for path, array in walk_arrays(trainer.state().model["model"])}


def change(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[str, float]:
    return {path: float(np.abs(after[path] - array).max()) for path, array in before.items() if array.size}


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_loss_goes_down(descriptor):
    trainer = new_trainer(PyTorchTrainer, full_input(descriptor))
    prepared = trainer.prepare(make_batch())
    losses = [trainer.step(prepared, LR)["loss"] for _ in range(50)]
    assert losses[-1] < 0.5 * losses[0]


def test_evaluate_gives_the_metrics_of_the_step_that_follows():
    trainer = new_trainer(PyTorchTrainer, full_input())
    train(trainer, range(2))
    prepared = trainer.prepare(make_batch(7))
    before = arrays_of(trainer)
    evaluated = trainer.evaluate(prepared, LR)
    assert max(change(before, arrays_of(trainer)).values()) == 0.0
    stepped = trainer.step(prepared, LR)
    assert list(evaluated) == list(stepped) == ["loss", "rmse", "rmse_e", "rmse_f"]
    # evaluation leaves out the second derivative's graph, so that kernels may differ in the last bits
    assert evaluated == pytest.approx(stepped, rel=1e-12)
    assert evaluated["rmse"] == pytest.approx(np.sqrt(evaluated["loss"]))


@pytest.mark.parametrize("descriptor", DESCRIPTORS)
def test_restart_goes_on(descriptor, tmp_path):
    """To the bit: the matrices of the nets are on the bases that the checkpoint tells."""
    config = full_input(descriptor)
    trainer = new_trainer(PyTorchTrainer, config)
    train(trainer, range(3))
    path = str(tmp_path / "model.ckpt.pt")
    trainer.write_checkpoint(path, trainer.state())
    restarted = PyTorchTrainer.from_state(config, PyTorchTrainer.read_checkpoint(path))
    for mine, other in zip(train(restarted, range(3, 6)), train(trainer, range(3, 6)), strict=True):
        assert mine == other
    assert max(change(arrays_of(trainer), arrays_of(restarted)).values()) == 0.0


def test_state_is_a_copy():
    trainer = new_trainer(PyTorchTrainer, full_input())
    train(trainer, range(1))
    state = trainer.state()
    arrays = {path: array.copy() for path, array in walk_arrays(state.model["model"])}
    moments = {name: array.copy() for name, array in state.optimizer.items()}
    train(trainer, range(1, 3))
    assert max(change(arrays, dict(walk_arrays(state.model["model"]))).values()) == 0.0
    assert max(change(moments, state.optimizer).values()) == 0.0


def test_moments_are_named_by_the_parameters_paths():
    trainer = new_trainer(PyTorchTrainer, full_input())
    train(trainer, range(2))
    state = trainer.state()
    slots = {name.partition("/")[0] for name in state.optimizer}
    assert slots == {"exp_avg", "exp_avg_sq", "step"}
    averages = {name.partition("/")[2]: value.shape for name, value in state.optimizer.items() if "exp_avg/" in name}
    assert averages == {path: array.shape for path, array in trainer.parameters().items()}
    assert state.optimizer["step/fitting.nets.networks.0.layers.0.w"] == 2


def test_all_but_statistics_are_trained():
    trainer = new_trainer(PyTorchTrainer, full_input("se_atten"))
    before, parameters = arrays_of(trainer), trainer.parameters()
    train(trainer, range(3))
    assert min(change(parameters, trainer.parameters()).values()) > 0.0
    same = [path for path, difference in change(before, arrays_of(trainer)).items() if difference == 0.0]
    assert {path.split(".")[-1] for path in same} == {"davg", "dstd", "bias_atom_e", "out_bias", "out_std"}


@pytest.mark.parametrize(("part", "rest"), [("descriptor", "fitting"), ("fitting", "descriptor")])
def test_a_part_that_is_not_trainable_stays(part, rest):
    config = full_input()
    config["model"]["fitting_net" if part == "fitting" else part]["trainable"] = False
    trainer = new_trainer(PyTorchTrainer, config)
    before = arrays_of(trainer)
    train(trainer, range(2))
    changed = {
        path.split(".")[0] for path, difference in change(before, arrays_of(trainer)).items() if difference > 0.0
    }
    assert changed == {rest}


def test_gradient_clipping():
    """Clipped to norm 1, the gradient that Adam sees is the whole one divided by its norm."""
    config = full_input()
    whole = first_moments(config)
    clipped = first_moments(full_input(training={"gradient_max_norm": 1.0}))
    norm = np.sqrt(sum(np.sum(value**2) for value in whole.values())) / (1.0 - config["optimizer"]["adam_beta1"])
    assert norm > 2.0
    for name, value in whole.items():
        # the norm plus 1e-6
        assert clipped[name] == pytest.approx(value / norm, rel=1e-5, abs=1e-12)


def first_moments(config: dict) -> dict[str, np.ndarray]:
    trainer = new_trainer(PyTorchTrainer, config)
    train(trainer, range(1))
    return {name: value for name, value in trainer.state().optimizer.items() if name.startswith("exp_avg/")}


def test_a_loss_that_is_not_finite_changes_nothing():
    trainer = new_trainer(PyTorchTrainer, full_input())
    batch = make_batch()
    batch.labels["energy"][0] = np.nan
    before = arrays_of(trainer)
    assert np.isnan(trainer.step(trainer.prepare(batch), LR)["loss"])
    assert max(change(before, arrays_of(trainer)).values()) == 0.0


def test_the_same_seed_gives_the_same_training():
    assert train(new_trainer(PyTorchTrainer, full_input()), range(3)) == train(
        new_trainer(PyTorchTrainer, full_input()), range(3)
    )


def test_a_restart_tries_its_model_once(monkeypatch):
    tried = []
    monkeypatch.setattr(trial, "check_parts", tried.append)
    PyTorchTrainer.from_state(full_input(), state_of(new_document_of(full_input())))
    assert len(tried) == 1


def test_adamw_decays_weights_that_have_no_gradient():
    config = full_input(optimizer={"type": "AdamW", "weight_decay": 0.5})
    trainer = PyTorchTrainer.from_state(config, state_of(new_document_of(config)))
    plain = PyTorchTrainer.from_state(full_input(), state_of(new_document_of(config)))
    train(trainer, range(1))
    train(plain, range(1))
    name = "fitting.nets.networks.0.layers.0.w"
    start = new_trainer_arrays(config)[name]
    assert arrays_of(trainer)[name] == pytest.approx(arrays_of(plain)[name] - LR * 0.5 * start)


def new_trainer_arrays(config: dict) -> dict[str, np.ndarray]:
    return dict(walk_arrays(new_document_of(config)["model"]))


def test_unknown_optimizer():
    config = full_input()
    config["optimizer"]["type"] = "LKF"
    with pytest.raises(InputError, match=r"'LKF' is not supported; expected one of Adam, AdamW"):
        new_trainer(PyTorchTrainer, config)


def test_gradient_that_lies_transposed_in_memory():
    """torch's fused Adam takes its numbers in a wrong order (2.13): they are put in order before."""
    config = full_input()
    trainer = PyTorchTrainer.from_state(config, state_of(new_document_of(config)))
    path = "fitting.nets.networks.0.layers.0.w"
    gradient = np.random.default_rng(0).normal(size=trainer.parameters()[path].shape)
    trainer.apply({path: torch.from_numpy(gradient.T.copy()).T}, LR)
    assert trainer.moments()[f"exp_avg/{path}"] == pytest.approx(0.1 * gradient)


def test_a_model_with_other_nets_is_refused():
    """Where the file does not say what it was made from, as some of deepmd-kit's."""
    config = full_input()
    state = state_of(new_document_of(config))
    config["model"]["fitting_net"]["neuron"] = [7, 7]
    message = r"other nets than the input asks for: fitting\.\S+ is of shape \(\d+, \d+\) there, \(\d+, 7\) here"
    with pytest.raises(InputError, match=message):
        PyTorchTrainer.from_state(config, state)


def test_a_compressed_model_is_refused():
    config = full_input()
    compressed = compress(new_document_of(config), lambda: 0.9, 0.02)
    with pytest.raises(InputError, match="is compressed, and tables are not trained"):
        PyTorchTrainer.from_state(config, state_of(compressed))
