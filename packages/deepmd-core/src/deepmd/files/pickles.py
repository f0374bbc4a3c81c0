# SPDX-License-Identifier: LGPL-3.0-or-later
"""A pickle's bytes, looked at before anything is built of them.

Restricted readers run no code, but make objects of any size that a file asks for: a ``bytearray`` of a number.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    import re


def check_pickle(content: bytes, known: re.Pattern[str], source: str) -> None:
    """Raises ModelFileError where a pickle names other things than those known, ``module name`` each."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST") and not known.fullmatch(str(argument)):
            raise ModelFileError(f"{source} holds {argument}; a checkpoint of ours holds tensors and plain values.")
