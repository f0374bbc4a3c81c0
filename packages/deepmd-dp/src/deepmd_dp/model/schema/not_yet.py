# SPDX-License-Identifier: LGPL-3.0-or-later
"""Kinds of models of deepmd-kit that are not there yet."""

from deepmd.registry import not_there

DPA4 = not_there("dpa4", "DPA4", "SeZM", "sezm")
