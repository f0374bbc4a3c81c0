# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends of frameworks share: all of them train, infer and convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable


class BaseBackend(Backend):
    """A framework that runs the models of this library; a subclass names it and its files."""

    features = (
        Backend.Feature.ENTRY_POINT | Backend.Feature.DEEP_EVAL | Backend.Feature.NEIGHBOR_STAT | Backend.Feature.IO
    )

    @property
    def neighbor_stat(self) -> Callable[..., Any]:
        from deepmd_dp.neighbor import neighbor_statistics

        return neighbor_statistics
