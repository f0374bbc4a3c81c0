# SPDX-License-Identifier: LGPL-3.0-or-later
"""The weight of a term of a loss, which follows the learning rate."""

from __future__ import annotations

from typing import Any, NamedTuple

from deepmd_dp.dialect.array import Array, Float


class Prefactor(NamedTuple):
    """Weight at the start of the training and in the limit of a vanishing learning rate."""

    start: float = 0.0
    limit: float = 0.0

    @classmethod
    def of(cls, section: dict[str, Any], term: str) -> Prefactor:
        """From ``start_pref_<term>`` and ``limit_pref_<term>`` of the input's section ``loss``."""
        return cls(float(section[f"start_pref_{term}"]), float(section[f"limit_pref_{term}"]))

    @property
    def is_used(self) -> bool:
        """Whether the term counts: both ends must differ from zero, as in deepmd-kit."""
        return self.start != 0.0 and self.limit != 0.0

    def at(self, ratio: float | Float[Array, ""]) -> float | Float[Array, ""]:
        """The weight where the learning rate is `ratio` times its first value."""
        return self.limit + (self.start - self.limit) * ratio
