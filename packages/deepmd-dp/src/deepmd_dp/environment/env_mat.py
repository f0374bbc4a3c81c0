# SPDX-License-Identifier: LGPL-3.0-or-later
"""The environment matrix: an edge's switched inverse distance and direction."""

from __future__ import annotations

from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Array, Module, module, static


def smooth_switch(distance: Array, rcut_smth: float, rcut: float) -> Array:
    """1 below `rcut_smth`, 0 beyond `rcut`, between them a quintic with two continuous derivatives.

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003); the quintic as deepmd-kit has it:
    1 - 10 u³ + 15 u⁴ - 6 u⁵ with u = (r - rcut_smth) / (rcut - rcut_smth).
    """
    xp = array_namespace(distance)
    low, high = rcut_smth * xp.ones_like(distance), rcut * xp.ones_like(distance)
    clipped = xp.where(distance < rcut_smth, low, xp.where(distance > rcut, high, distance))
    u = (clipped - rcut_smth) / (rcut - rcut_smth)
    return 1.0 + u * u * u * (-10.0 + u * (15.0 - 6.0 * u))


@module
class EnvMat(Module):
    """Environment matrix of one cut-off.

    R = w(r) (1/(r+p), x/(r+p)², y/(r+p)², z/(r+p)²) with the switch w and the protection p [Å].

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 5.
    """

    rcut: float = static()
    rcut_smth: float = static()
    protection: float = static(default=0.0)

    def __call__(self, edge_vec: Array) -> tuple[Array, Array]:
        """Environment matrix (..., 4) [1/Å] and switch (..., 1) of edges (..., 3) [Å], none of them zero."""
        xp = array_namespace(edge_vec)
        distance = xp.sqrt(xp.sum(edge_vec * edge_vec, axis=-1, keepdims=True))
        switch = smooth_switch(distance, self.rcut_smth, self.rcut)
        inverse = 1.0 / (distance + self.protection)
        return xp.concat([inverse * switch, edge_vec * (inverse * inverse * switch)], axis=-1), switch

    def serialize(self) -> dict[str, float | bool]:
        return {
            "rcut": self.rcut,
            "rcut_smth": self.rcut_smth,
            "protection": self.protection,
            "use_exp_switch": False,
        }
