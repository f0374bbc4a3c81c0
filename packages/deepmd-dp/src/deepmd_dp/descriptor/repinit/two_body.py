# SPDX-License-Identifier: LGPL-3.0-or-later
"""Two-body features: `se_atten` without attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.descriptor.contraction import invariants
from deepmd_dp.descriptor.typed_moments import TypedMoments
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import module, static

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment


@module
class TwoBody(TypedMoments):
    r"""Invariants Mᵀ M of the moments M = Σ_j R_ij ⊗ G(s_ij; t_j, t_i) / N, with N slots of the contract's list.

    References
    ----------
    Zhang et al., npj Comput. Mater. 10, 94 (2024) (DPA-1, arXiv:2208.08236), without attention.
    """

    axis_neuron: int = static()

    @property
    def dim_out(self) -> int:
        """Number of invariants."""
        return self.embedding.width * self.axis_neuron

    def numbers_per_atom(self, nnei: int) -> int:
        """The widths of the net for each neighbor."""
        return nnei * self.embedding.total_width

    def __call__(self, env: Environment, table: Float[Array, "ntypes dim"]) -> Float[Array, "ncenters n"]:
        """Invariants of the local atoms; table: the types' embedding vectors."""
        moments = self.moments(env, table) * (1.0 / sum(self.matrix.sel))
        return array_namespace(moments).reshape(invariants(moments, self.axis_neuron), (-1, self.dim_out))
