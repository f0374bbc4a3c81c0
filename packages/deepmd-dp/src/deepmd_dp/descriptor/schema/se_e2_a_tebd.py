# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_e2_a_tebd`: `se_e2_a` with the model's `type_embedding`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import Row
from deepmd_dp.descriptor.arguments import check_moments, embedding_of_types, sel_of_each_type
from deepmd_dp.descriptor.schema.se_e2_a import shared_fields

if TYPE_CHECKING:
    from dargs import Argument


def fields() -> list[Argument]:
    """The keys of its section."""
    return [*shared_fields(), embedding_of_types()]


ROW = Row(
    name="se_e2_a_tebd",
    cls="deepmd_dp.descriptor.se_e2_a_tebd:SeE2ATebd",
    doc="`se_e2_a` with one net, which takes embedded types; what `se_e2_a` beside `model/type_embedding` means.",
    fields=fields,
    check=check_moments,
    sel_keys=sel_of_each_type,
)
