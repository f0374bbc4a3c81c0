# SPDX-License-Identifier: LGPL-3.0-or-later
"""Properties, as deepmd-kit has them: this version has no such models, so that none is opened."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepProperty(DeepTensor, model_type="property"):
    """A model of a property of atoms."""
