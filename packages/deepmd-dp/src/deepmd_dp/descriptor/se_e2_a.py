# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body embedding descriptor with full radial and angular information."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.descriptor.contraction import describe_by_moments
from deepmd_dp.descriptor.two_body import TwoBodyDescriptor
from deepmd_dp.dialect.array_api import shape
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import setting

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description


@module
class SeE2A(TwoBodyDescriptor):
    r"""DeepPot-SE descriptor `se_e2_a`.

    D_i = (1/N_c²) (G_i)ᵀ R_i (R_i)ᵀ G_i^<, where R_i (N_c, 4) is the normalised environment
    matrix, G_i (N_c, M) the embedding of its first column by a net of the pair's types, and
    G_i^< its first `axis_neuron` columns; N_c = sum(sel).

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 4-7.
    """

    kind = "se_e2_a"
    columns = 4
    axis_neuron: int = setting(default=4)

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.dim_equivariant * self.axis_neuron

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.two_body.width

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        return describe_by_moments(self.two_body(env), self.axis_neuron, shape(env.atype))
