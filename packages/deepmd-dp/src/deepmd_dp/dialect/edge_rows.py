# SPDX-License-Identifier: LGPL-3.0-or-later
"""The rows of the environment matrix: an edge's switched inverse distance and direction."""

from __future__ import annotations

from typing import NamedTuple

from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace


class EnvSettings(NamedTuple):
    """What a row of the environment matrix depends on.

    Attributes
    ----------
    rcut, rcut_smth : float
        Where the switch is 0, and where it leaves 1 [Å].
    protection : float
        Added to each distance that is divided by [Å].
    columns : int
        4, or 1: the switched inverse distance only.
    use_exp_switch : bool
        `exponential_switch` instead of `smooth_switch`.
    """

    rcut: float
    rcut_smth: float
    protection: float = 0.0
    columns: int = 4
    use_exp_switch: bool = False


def smooth_switch(distance: Float[Array, "*axes"], rcut_smth: float, rcut: float) -> Float[Array, "*axes"]:
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


def exponential_switch(distance: Float[Array, "*axes"], rcut_smth: float, rcut: float) -> Float[Array, "*axes"]:
    """exp(-exp(20 (r - rcut_smth) / rcut_smth)), and 0 beyond `rcut`: deepmd-kit's `use_exp_switch`."""
    xp = array_namespace(distance)
    exponent = (20.0 / rcut_smth) * (distance - rcut_smth)
    # no infinity, whose derivative would be NaN; the switch is 0 long before
    exponent = xp.where(exponent > 50.0, 50.0 * xp.ones_like(distance), exponent)
    switch = xp.exp(-xp.exp(exponent))
    return xp.where(distance > rcut, xp.zeros_like(switch), switch)


def switch_of(distance: Float[Array, "*axes"], settings: EnvSettings) -> Float[Array, "*axes"]:
    """The switch of the settings, of distances [Å]."""
    switch = exponential_switch if settings.use_exp_switch else smooth_switch
    return switch(distance, settings.rcut_smth, settings.rcut)


def edge_rows(
    edge_vec: Float[Array, "*lead 3"], settings: EnvSettings
) -> tuple[Float[Array, "*lead columns"], Float[Array, "*lead 1"], Float[Array, "*lead 1"]]:
    """Rows w(r) (1/(r+p), x/(r+p)², y/(r+p)², z/(r+p)²) of the environment matrix; with one column the first.

    Parameters
    ----------
    edge_vec : [Å]
        None of them zero.

    Returns
    -------
    rows : [1/Å]
    switch
        w(r).
    distance : [Å]

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 5.
    """
    xp = array_namespace(edge_vec)
    distance = xp.sqrt(xp.sum(edge_vec * edge_vec, axis=-1, keepdims=True))
    switch = switch_of(distance, settings)
    inverse = 1.0 / (distance + settings.protection)
    first = inverse * switch
    if settings.columns == 1:
        return first, switch, distance
    return xp.concat([first, edge_vec * (inverse * first)], axis=-1), switch, distance
