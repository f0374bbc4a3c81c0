# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its density of states."""

from __future__ import annotations

from deepmd.outputs import OutputDef
from deepmd_dp.dialect.module import module
from deepmd_dp.fitting.invariant import InvariantFitting


@module
class DosFitting(InvariantFitting):
    """Density of states `dos`: g_i(ε_k) = x_ik, the numbers that the nets give; the frame's is the sum of its atoms'.

    The energies ε_k are those of the labels' grid, which the model does not know.

    References
    ----------
    Zeng et al., J. Chem. Theory Comput. 21, 4375 (2025) (deepmd-kit v3).
    """

    kind = "dos"
    size = "numb_dos"

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The density of states, in the labels' unit, by custom 1/eV."""
        return (OutputDef("dos", (self.nets.nout,), "1/eV"),)
