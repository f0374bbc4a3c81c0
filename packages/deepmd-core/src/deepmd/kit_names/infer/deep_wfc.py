# SPDX-License-Identifier: LGPL-3.0-or-later
"""Wannier centers, as deepmd-kit has them: this version has no such models, so that none is opened."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepWFC(DeepTensor, model_type="wfc"):
    """A model of the Wannier centers of atoms."""
