# SPDX-License-Identifier: LGPL-3.0-or-later
"""Backends: what one is, and finding the installed ones."""

from deepmd.backend.backend import Backend

__all__ = ["Backend"]
