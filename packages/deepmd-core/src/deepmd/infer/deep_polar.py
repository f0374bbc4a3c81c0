# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the polarizability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.infer.deep_tensor import DeepTensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike


class DeepPolar(DeepTensor, model_type="polar"):
    """A model of atomic polarizabilities, which add up to that of the frame; the parameters are those of `DeepEval`.

    The labels that it was trained on have the unit Å³, or whatever else its author chose. A tensor has nine components,
    row by row.

    Examples
    --------
    >>> from deepmd.infer import DeepPolar
    >>> dp = DeepPolar("polar.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> total = dp.eval(coord, None, ["H", "O", "H"], atomic=False)
    """

    @property
    def output_tensor_name(self) -> str:
        """The name that programs know it by."""
        return "polar"


class DeepGlobalPolar(DeepPolar):
    """The same, whose `eval` gives the tensor of the frame where it is not asked for those of the atoms."""

    def eval(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        **kwargs: Any,
    ) -> np.ndarray:
        """See `DeepTensor.eval`."""
        return super().eval(coords, cells, atom_types, atomic, fparam, aparam, mixed_type, **kwargs)
