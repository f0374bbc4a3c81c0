# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is said to programs that import the inside of deepmd-kit."""

from __future__ import annotations

from typing import NoReturn

COMMON = (
    "models, descriptors and fittings are in deepmd_dp, for all frameworks; training is in deepmd.train, data in "
    "deepmd.data, evaluation in deepmd.infer"
)


def refuse(name: str, counterpart: str) -> NoReturn:
    """Raises ImportError that names what is here in the place of a module of deepmd-kit."""
    raise ImportError(f"{name} is a part of deepmd-kit's inside that is not here: {counterpart}; {COMMON}.", name=name)
