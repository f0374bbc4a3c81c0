# SPDX-License-Identifier: LGPL-3.0-or-later
"""Polarizabilities, as deepmd-kit has them: this version has no such models, so that none is opened."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepPolar(DeepTensor, model_type="polar"):
    """A model of the polarizabilities of atoms."""


class DeepGlobalPolar(DeepTensor, model_type="global_polar"):
    """A model of the polarizability of the frame, in deepmd-kit's old form."""
