# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `dos`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key
from deepmd_dp.fitting.arguments import check_net, net, parameters, rcond, trainable

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *parameters(),
        *net(),
        trainable(),
        rcond("density of states"),
        key("numb_dos", int, "Number of energies at which the density of states is given.", default=300, **POSITIVE),
    ]


ROW = Row(
    name="dos",
    cls="deepmd_dp.fitting.dos:DosFitting",
    doc="Density of states as the sum of the atoms'.",
    fields=fields,
    check=check_net,
    biased_outputs=lambda section: ("dos",),
)
