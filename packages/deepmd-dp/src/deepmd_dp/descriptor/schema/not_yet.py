# SPDX-License-Identifier: LGPL-3.0-or-later
"""Descriptors of deepmd-kit that are not there yet."""

from deepmd.registry import not_there

DPA4 = not_there("dpa4", "DPA4", "SeZM", "sezm")
DPA4C = not_there("dpa4c", "DPA4C")
LOC_FRAME = not_there("loc_frame")
SE_A_TPE = not_there("se_a_tpe", "se_a_ebd")
