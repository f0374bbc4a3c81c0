# SPDX-License-Identifier: LGPL-3.0-or-later
"""Inputs written for older versions of deepmd-kit, brought to today's form."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.files.plain import describe
from deepmd.registry import LOSS, MODEL, walk
from deepmd.schema.version0 import from_version0, is_version0

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deepmd.registry import Part

log = logging.getLogger(__name__)

V1_DATA_KEYS = ("systems", "batch_size", "sys_prob", "sys_probs", "sys_weights", "auto_prob", "auto_prob_style")
WARMUP_KEYS = ("warmup_steps", "warmup_ratio", "warmup_start_factor")
OPTIMIZER_KEYS = (
    *("opt_type", "weight_decay", "adam_beta1", "adam_beta2", "momentum", "muon_momentum", "lr_adjust"),
    *("lr_adjust_coeff", "kf_blocksize"),
    *(f"kf_{when}_pref_{term}" for when in ("start", "limit") for term in "ef"),
)
EFFECTLESS_KEYS = (
    *("numb_test", "set_prefix", "load_ckpt", "wandb_config"),
    *("with_distrib", "coord_norm", "type_fitting_net"),
)
"""Keys of the input, ``training``, its data and the parts of models that older versions of deepmd-kit had."""
OLD_STOP_LR = 5e-8
"""Last learning rate of inputs that don't give one, as older versions of deepmd-kit took it."""


def version_of(config: dict[str, Any]) -> int:
    """The first version of deepmd-kit that wrote inputs in this form: 0, 1, or 2 for that of today."""
    if is_version0(config):
        return 0
    training = config.get("training")
    return 1 if isinstance(training, dict) and "systems" in training else 2


def upgrade(config: dict[str, Any]) -> dict[str, Any]:
    """An input whose keys of older versions stand where they belong today; parts of the given one are changed.

    Raises
    ------
    InputError
        For an input without a section ``model``, and for a setting given in two places.
    """
    version = version_of(config)
    if version < 2:
        log.warning("the input has the form of deepmd-kit %d.x; it is brought to that of today.", version)
    if version == 0:
        config = from_version0(config)
    if "model" not in config:
        raise InputError("the input has no section `model`, which says what is trained.")
    config = {name: dict(section) if isinstance(section, dict) else section for name, section in config.items()}
    if isinstance(config.get("training"), dict):
        if "systems" in config["training"]:
            _gather_training_data(config)
        _move(config, WARMUP_KEYS, "learning_rate")
        _move(config, OPTIMIZER_KEYS, "optimizer")
        _drop_effectless(config)
    _give_stop_lr(config.get("learning_rate"))
    if "opt_type" in config.get("optimizer", {}):
        config["optimizer"]["type"] = config["optimizer"].pop("opt_type")
    upgrade_model(config["model"])
    _upgrade_parts(walk(LOSS, config.get("loss", {}), "loss"))
    return config


def upgrade_model(section: dict[str, Any]) -> None:
    """Brings the section ``model`` of an input or a model file to today's form, in place."""
    _upgrade_parts(walk(MODEL, section, "model"))


def _upgrade_parts(parts: Iterable[Part]) -> None:
    for part in parts:
        if part.row.upgrade is not None:
            part.row.upgrade(part.section)


def _gather_training_data(config: dict[str, Any]) -> None:
    """Version 1 had the data's keys in ``training``, and a decay rate that gave the last learning rate."""
    training = config["training"]
    if "training_data" in training:
        raise InputError("training/systems and training/training_data are both given; keep training/training_data.")
    data = {key: training.pop(key) for key in V1_DATA_KEYS if key in training}
    if "sys_prob" in data:
        data["sys_probs"] = data.pop("sys_prob")
    training["training_data"] = data
    _decay_rate_to_stop_lr(config)


def _decay_rate_to_stop_lr(config: dict[str, Any]) -> None:
    rate, training = config.get("learning_rate"), config["training"]
    steps = next((key for key in ("stop_batch", "numb_steps") if key in training), None)
    if isinstance(rate, dict) and {"decay_rate", "decay_steps", "start_lr"} <= rate.keys() and steps is not None:
        decays = _positive(training, "training", steps) / _positive(rate, "learning_rate", "decay_steps")
        factor = _positive(rate, "learning_rate", "decay_rate", most=1.0)
        rate["stop_lr"] = _positive(rate, "learning_rate", "start_lr") * math.exp(math.log(factor) * decays)
        del rate["decay_rate"]


def _positive(section: dict[str, Any], name: str, key: str, most: float = math.inf) -> float:
    """A number above 0; the schema has not seen the section yet."""
    value = section[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
        limit = "" if most == math.inf else f", at most {most:g}"
        raise InputError(f"{name}/{key} is {describe(value)}; expected a number above 0{limit}.")
    return value


def _give_stop_lr(rate: Any) -> None:
    if isinstance(rate, dict) and rate.get("stop_lr") is None and rate.get("stop_lr_ratio") is None:
        rate["stop_lr"] = OLD_STOP_LR
        log.warning("learning_rate has neither stop_lr nor stop_lr_ratio; stop_lr is taken as %g.", OLD_STOP_LR)


def _move(config: dict[str, Any], keys: tuple[str, ...], section: str) -> None:
    """Moves keys of ``training`` to a section of their own."""
    moved = {key: config["training"].pop(key) for key in keys if key in config["training"]}
    if not moved:
        return
    target = config.setdefault(section, {})
    twice = sorted(moved.keys() & target.keys())
    if twice:
        raise InputError(f"training/{twice[0]} and {section}/{twice[0]} are both given; keep {section}/{twice[0]}.")
    target.update(moved)
    log.warning("%s belong in %s; they are read as if they stood there.", ", ".join(moved), section)


def _drop_effectless(config: dict[str, Any]) -> None:
    training, model = config["training"], config["model"]
    parts = [training.get(name) for name in ("training_data", "validation_data")]
    parts += [model.get(name) for name in ("descriptor", "fitting_net")]
    sections = [config, training, *(part for part in parts if isinstance(part, dict))]
    taken_out = {key: [section.pop(key, None) for section in sections] for key in EFFECTLESS_KEYS}
    found = [key for key, values in taken_out.items() if any(value is not None for value in values)]
    if found:
        log.warning("left out, since they are of older versions and have no effect: %s.", ", ".join(found))
