# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `property`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key, must
from deepmd_dp.fitting.arguments import check_net, net, parameters, trainable

if TYPE_CHECKING:
    from dargs import Argument

TAKEN = ("energy", "force", "virial", "coord", "box", "type", "fparam", "aparam", "mask", "deviation")
"""Names that mean something else in data or among a model's outputs."""


def fields() -> list[Argument]:
    """The keys of its section."""
    expected = f"letters, digits and _, no digit first, and none of {', '.join(TAKEN)}"
    is_free = must(lambda name: name.isascii() and name.isidentifier() and name not in TAKEN, expected)
    return [
        *parameters(),
        *net(),
        trainable(),
        key("property_name", str, "Name of the labels: `band_gap` for `band_gap.npy`.", **is_free),
        key("task_dim", int, "Number of components.", default=1, **POSITIVE),
        key(
            "intensive",
            bool,
            "Whether the frame's property is the mean over its atoms, as a band gap's, and not the sum.",
            default=False,
        ),
        key(
            "distinguish_types",
            bool,
            "Whether the data's bias is one of each type, by least squares, or the mean for all.",
            default=True,
        ),
    ]


ROW = Row(
    name="property",
    cls="deepmd_dp.fitting.property:PropertyFitting",
    doc="Any property of a frame, as the sum or the mean over its atoms.",
    fields=fields,
    check=check_net,
    biased_outputs=lambda section: (section["property_name"],),
)
