# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.loggers`: where messages go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.backend.discovery import registered_packages
from deepmd.log import set_up_logging

if TYPE_CHECKING:
    from pathlib import Path


def set_log_handles(level: int, log_path: Path | None = None, mpi_log: str | None = None) -> None:
    """`deepmd.log.set_up_logging` for the packages that are installed; ``mpi_log`` is without effect."""
    set_up_logging(level, None if log_path is None else str(log_path), ("deepmd", *registered_packages()))
