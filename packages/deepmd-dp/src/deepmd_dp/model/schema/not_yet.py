# SPDX-License-Identifier: LGPL-3.0-or-later
"""Kinds of models of deepmd-kit that are not there yet."""

from deepmd.registry import NOT_YET, not_there

DPA4 = not_there("dpa4", "DPA4", "SeZM", "sezm")
PAIRWISE_DPRC = not_there(
    "pairwise_dprc", refusal=f"{NOT_YET}; corrections of QM/MM by the `exclude_types` of a `hybrid`'s parts are there"
)
