# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its density of states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import module
from deepmd_dp.fitting.nets import FittingNets, NetsFitting

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description, Descriptor


@module
class DosFitting(NetsFitting):
    """Density of states `dos`: g_i(ε_k) = x_ik, the numbers that the nets give; the frame's is the sum of its atoms'.

    The energies ε_k are those of the labels' grid, which the model does not know.

    References
    ----------
    Zeng et al., J. Chem. Theory Comput. 21, 4375 (2025) (deepmd-kit v3).
    """

    nets: FittingNets

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The density of states, in the labels' unit, by custom 1/eV."""
        return (OutputDef("dos", (self.nets.nout,), "1/eV"),)

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc ncomponents"]]:
        """Densities of states of the atoms without the data's bias, ``dos``."""
        return {"dos": self.nets(description.invariant, env, fparam, aparam)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Fitting", "@version": 4, "type": "dos", "var_name": "dos", "dim_out": self.nets.nout}
        return {**head, **self.nets.serialize(), "atom_ener": None}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DosFitting:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, 4)
        return cls(nets=FittingNets.deserialize(data, "dos fitting"))

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> DosFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        return cls(nets=FittingNets.initial(section, type_map, descriptor, section["numb_dos"], exclude_types, rng))
