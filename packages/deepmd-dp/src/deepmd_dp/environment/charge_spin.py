# SPDX-License-Identifier: LGPL-3.0-or-later
"""The charge and the spin of frames, which are part of the surroundings that some descriptors look at."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN, NEUTRAL, problem_of
from deepmd.data.batch import check_meaning
from deepmd_dp.dialect.array import Float, Int
from deepmd_dp.dialect.module import Module, modules
from deepmd_dp.nn.charge_spin import ChargeSpinEmbedding

if TYPE_CHECKING:
    from deepmd.data.batch import Batch
    from deepmd_dp.environment.environment import Environment

Defaults = frozenset[tuple[int, int] | None]
_known: WeakKeyDictionary[Module, Defaults] = WeakKeyDictionary()


def takes_charge_spin(model: object) -> bool:
    """Whether a part of the model looks at the charge and the spin of a frame."""
    return bool(_defaults(model))


def default_charge_spin(model: object) -> tuple[int, int] | None:
    """What counts where a frame's are not given; None: they must be, since a part has no default, or they differ."""
    defaults = _defaults(model)
    return next(iter(defaults)) if len(defaults) == 1 else None


def _defaults(model: object) -> Defaults:
    """Those of its embeddings; to walk through a model takes as long as to build a small frame's lists."""
    if not isinstance(model, Module):
        return frozenset()
    found = _known.get(model)
    if found is None:
        found = _known[model] = frozenset(each.default for _, each in modules(model, ChargeSpinEmbedding))
    return found


def default_rows(model: object, nframes: int) -> Int[np.ndarray, "nframes 2"] | None:
    """The model's default for some frames; without a default, uncharged ones; None: the model takes nothing."""
    if not takes_charge_spin(model):
        return None
    return np.tile(np.array(default_charge_spin(model) or NEUTRAL, dtype=np.int64), (nframes, 1))


def with_charge_spin(env: Environment, charge_spin: Float[np.ndarray, "nframes 2"] | None) -> Environment:
    """The surroundings with the charge and the spin of each frame, where they are given and looked at."""
    if charge_spin is None or env.charge_spin is None:
        return env
    return replace(env, charge_spin=np.rint(charge_spin).astype(np.int64))


def charge_spin_of(batch: Batch) -> Float[np.ndarray, "nframes 2"] | None:
    """The charge and the spin of a batch's frames; None: the data have none.

    Raises
    ------
    DataError
        No model has such ones; names the system and the frame.
    """
    if not batch.found.get(CHARGE_SPIN):
        return None
    check_meaning(batch, CHARGE_SPIN, problem_of)
    return batch.labels[CHARGE_SPIN]
