# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.compat`: inputs of old forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.schema import modernize, write_input

if TYPE_CHECKING:
    from pathlib import Path


def update_deepmd_input(jdata: dict[str, Any], warning: bool = True, dump: str | Path | None = None) -> dict[str, Any]:
    """`deepmd.schema.modernize`, written to a file too where ``dump`` names one; what it changes is logged."""
    modern = modernize(jdata)
    if dump is not None:
        write_input(dump, modern)
    return modern


# which forms are old is found by itself
convert_input_v0_v1 = convert_input_v1_v2 = update_deepmd_input
