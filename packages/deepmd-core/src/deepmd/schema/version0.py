# SPDX-License-Identifier: LGPL-3.0-or-later
"""Inputs of deepmd-kit 0.x, where all keys stood side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, rows

if TYPE_CHECKING:
    from deepmd.aliases import Section

TELLING = ("use_smooth", "sel_a", "filter_neuron")
"""Keys that only such an input has at its top."""
OF_LOCAL_FRAMES = ("axis_rule", "sel_r", "rcut_a", "rcut_r")
"""Keys of the descriptor that was not smooth, which later versions call ``loc_frame``."""
EFFECTLESS = ("num_threads", "restart")
"""Keys that deepmd-kit passes over where it converts such an input."""
PLACES = {
    "type_map": ("model/type_map",),
    "sel_a": ("model/descriptor/sel",),
    "rcut": ("model/descriptor/rcut", "model/descriptor/rcut_smth"),
    "rcut_smth": ("model/descriptor/rcut_smth",),
    "filter_neuron": ("model/descriptor/neuron",),
    "filter_resnet_dt": ("model/descriptor/resnet_dt",),
    "n_axis_neuron": ("model/descriptor/axis_neuron",),
    "axis_neuron": ("model/descriptor/axis_neuron",),
    "n_neuron": ("model/fitting_net/neuron",),
    "fitting_neuron": ("model/fitting_net/neuron",),
    "resnet_dt": ("model/fitting_net/resnet_dt",),
    "fitting_resnet_dt": ("model/fitting_net/resnet_dt",),
    "seed": ("model/descriptor/seed", "model/fitting_net/seed", "training/seed"),
    **{key: (f"learning_rate/{key}",) for key in ("start_lr", "decay_steps", "decay_rate")},
    **{key: (f"loss/{key}",) for term in "e f v ae".split() for key in (f"start_pref_{term}", f"limit_pref_{term}")},
}
"""Where each key belongs today; of two for one place the later goes first."""


def is_version0(config: Section) -> bool:
    """Whether an input is one of deepmd-kit 0.x."""
    return "model" not in config and any(key in config for key in TELLING)


def from_version0(config: Section) -> Section:
    """The input in sections, as version 1 had it; what has no place of its own goes into ``training``.

    Raises
    ------
    InputError
        The descriptor that was meant is not there.
    """
    left = dict(config)
    kind = next((row.name for row in rows(DESCRIPTOR) if row.is_of_version0), None)
    axes = next((key for key in OF_LOCAL_FRAMES if key in left), None)
    if not left.pop("use_smooth", axes is None) or kind is None:
        reason = f"local frames, to which {axes} belongs" if axes else "use_smooth is false, or no package brings it"
        raise InputError(f"the input is one of deepmd-kit 0.x whose descriptor is not in this version ({reason}).")
    for key in (*OF_LOCAL_FRAMES, *EFFECTLESS):
        left.pop(key, None)
    converted: Section = {
        "model": {"descriptor": {"type": kind}, "fitting_net": {}},
        "learning_rate": {"type": "exp"},
        "loss": {},
        "training": {},
    }
    for key, places in PLACES.items():
        if key in left:
            value = left.pop(key)
            for place in places:
                _put(converted, place, value)
    converted["training"] |= left
    return converted


def _put(config: Section, place: str, value: Any) -> None:
    *sections, key = place.split("/")
    for section in sections:
        config = config[section]
    config[key] = value
