# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its electrons of each spin."""

from __future__ import annotations

from deepmd.outputs import OutputDef
from deepmd_dp.dialect.module import module
from deepmd_dp.fitting.invariant import InvariantFitting

SPINS = 2
"""Alpha and beta."""


@module
class PopulationFitting(InvariantFitting):
    """Populations `population`: (α_i, β_i) = x_i, an atom's electrons of spin alpha and beta, as the nets give them.

    Frames have none, and no bias is fitted to the data, as in deepmd-kit.

    References
    ----------
    Zeng et al., J. Chem. Theory Comput. 21, 4375 (2025) (deepmd-kit v3).
    """

    kind = "population"
    size = SPINS

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """Numbers of electrons, or whatever the labels count."""
        return (OutputDef("population", (SPINS,), "e", reduction=None, has_bias=False),)
