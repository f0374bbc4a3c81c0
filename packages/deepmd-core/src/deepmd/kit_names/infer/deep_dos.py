# SPDX-License-Identifier: LGPL-3.0-or-later
"""Densities of states, as deepmd-kit has them: this version has no such models, so that none is opened."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepDOS(DeepTensor, model_type="dos"):
    """A model of the densities of states of atoms."""
