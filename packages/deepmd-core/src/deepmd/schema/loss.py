# SPDX-License-Identifier: LGPL-3.0-or-later
"""The section ``loss``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import LOSS
from deepmd.schema.argument import key
from deepmd.schema.choices import choices

if TYPE_CHECKING:
    from dargs import Argument


def loss() -> Argument:
    """The section ``loss``."""
    return key("loss", dict, "What is minimised.", sub_variants=choices(LOSS, "What is compared with the data."))
