# SPDX-License-Identifier: LGPL-3.0-or-later
"""Fittings of deepmd-kit that are not there yet."""

from deepmd.registry import not_there

DPA4_ENER = not_there("dpa4_ener", "sezm_ener")
