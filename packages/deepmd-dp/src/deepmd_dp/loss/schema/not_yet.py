# SPDX-License-Identifier: LGPL-3.0-or-later
"""Losses of deepmd-kit that are not there yet."""

from deepmd.registry import not_there

DENS = not_there("dens")
