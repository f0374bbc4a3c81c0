# SPDX-License-Identifier: LGPL-3.0-or-later
"""Dipole models."""

from __future__ import annotations

from deepmd.infer.deep_tensor import DeepTensor


class DeepDipole(DeepTensor, model_type="dipole"):
    """A model of atomic dipoles, which add up to that of the frame; the parameters are those of `DeepEval`.

    The labels that it was trained on have the unit e·Å, or whatever else its author chose; "eÅ" below.

    Examples
    --------
    >>> from deepmd.infer import DeepDipole
    >>> dp = DeepDipole("dipole.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> total = dp.eval(coord, None, ["H", "O", "H"], atomic=False)
    """
