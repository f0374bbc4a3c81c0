# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's description to its polarizability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import take_array
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.dialect.module import buffer, module
from deepmd_dp.dialect.settings import setting, write_settings
from deepmd_dp.fitting.tensors import TensorFitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description


@module
class PolarFitting(TensorFitting):
    """Polarizability `polar`: α_i = s Rᵀ P R + s b 1, with the vectors R of the description and the type's s and b.

    P is the nets' matrix, symmetrized, or the diagonal one of their numbers. So the tensor rotates with the atoms.

    Attributes
    ----------
    nets : FittingNets
        They give a number for each vector of the description where `fit_diag`, else one for each pair.
    scale
        s of each type, fixed.
    constant_matrix
        A part of b that deepmd-kit's older files hold beside the data's bias; zero in new models.
    shift_diag
        Whether there is a b: a third of the trace of the type's bias in the data.

    References
    ----------
    Sommers et al., Phys. Chem. Chem. Phys. 22, 10592 (2020) (arXiv:2004.07369), eq. 4-6.
    """

    kind = "polar"
    version = 5
    scale: Float[Array, "ntypes 1"] = buffer()
    constant_matrix: Float[Array, "ntypes"] = buffer()
    fit_diag: bool = setting(default=True)
    shift_diag: bool = setting(default=True)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The polarizability, of the types that are not excluded; in the labels' unit, by custom Å³."""
        selected = self.selected_types
        return (
            OutputDef("polarizability", (3, 3), "Å³", selected_types=selected, has_bias=self.shift_diag, kind="polar"),
        )

    @classmethod
    def width(cls, section: Mapping[str, Any], nvectors: int) -> int:
        """A number for each vector, or for each pair."""
        return nvectors if section.get("fit_diag", True) else nvectors * nvectors

    def shift_and_factor(
        self, bias: Float[Array, "ntypes 9"], deviation: Float[Array, "ntypes 9"]
    ) -> tuple[Float[Array, "ntypes 9"], None]:
        """The mean of the bias's diagonal, scaled as the net's part is, on the diagonal: all else would not rotate."""
        del deviation
        isotropic = constant(np.eye(3).reshape(1, 9), bias)
        xp = array_namespace(bias)
        size = xp.sum(bias * isotropic, axis=1, keepdims=True) / 3.0 + self.constant_matrix[:, None]
        return self.scale * size * isotropic, None

    def __call__(
        self, description: Description, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> dict[str, Float[Array, "nframes nloc 9"]]:
        """Atomic polarizabilities without the data's bias, row by row, ``polarizability``."""
        numbers = self.nets(description.invariant, env, fparam, aparam)
        xp = array_namespace(numbers)
        numbers = numbers * env.of_centers(xp.astype(self.scale, numbers.dtype))
        vectors = xp.astype(description.equivariant, numbers.dtype)
        if self.fit_diag:
            weighted = numbers[:, :, :, None] * vectors
        else:
            matrix = xp.reshape(numbers, (*shape(vectors)[:3], vectors.shape[2]))
            weighted = xp.matmul(0.5 * (matrix + xp.matrix_transpose(matrix)), vectors)
        tensor = xp.matmul(xp.matrix_transpose(vectors), weighted)
        return {"polarizability": xp.reshape(tensor, (*shape(numbers)[:2], 9))}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        width = self.nets.nout if self.fit_diag else round(self.nets.nout**0.5)
        nets = self.nets.serialize()
        nets["@variables"] |= {"scale": self.scale, "constant_matrix": self.constant_matrix}
        return {**self.head("polar"), "embedding_width": width, **nets, **write_settings(self)}

    @classmethod
    def arrays_of(cls, data: Mapping[str, Any], ntypes: int) -> dict[str, Any]:
        """The scale and the constant part of each type."""
        sizes: dict[str, tuple[int, ...]] = {"scale": (ntypes, 1), "constant_matrix": (ntypes,)}
        return {name: take_array(data["@variables"], name, size, where="polar fitting") for name, size in sizes.items()}

    @classmethod
    def new_arrays(cls, section: Mapping[str, Any], ntypes: int) -> dict[str, Any]:
        """The input's scale, and no constant part."""
        scale = np.full((ntypes, 1), 1.0) * np.reshape(section["scale"], (-1, 1))
        return {"scale": scale, "constant_matrix": np.zeros(ntypes)}
