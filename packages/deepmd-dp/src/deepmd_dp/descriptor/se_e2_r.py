# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body embedding descriptor with radial information only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd_dp.descriptor.two_body import TwoBodyDescriptor
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import module
from deepmd_dp.interface import Description

if TYPE_CHECKING:
    from deepmd_dp.environment.environment import Environment

_SCALE = 1.0 / 5.0
"""deepmd-kit's factor."""


@module
class SeE2R(TwoBodyDescriptor):
    r"""Radial descriptor `se_e2_r`.

    D_i = (1/5 N_c) Σ_j G(s_ij), the sum over the N_c = sum(sel) slots of the embeddings of the normalised, switched
    inverse distances s by a net of the pair's types.

    References
    ----------
    Wang et al., Comput. Phys. Commun. 228, 178 (2018) (arXiv:1712.03641); the form is deepmd-kit's.
    """

    kind = "se_r"
    columns = 1
    dim_equivariant = 0

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.two_body.width

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        moments = self.two_body(env) * _SCALE
        return Description(array_namespace(moments).reshape(moments, (*shape(env.atype), self.dim_out)))
