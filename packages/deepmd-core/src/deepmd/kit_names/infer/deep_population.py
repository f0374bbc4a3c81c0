# SPDX-License-Identifier: LGPL-3.0-or-later
"""Populations of spin, as deepmd-kit has them: this version has no such models, so that none is opened."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepPopulation(DeepTensor, model_type="population"):
    """A model of the populations of atoms."""
