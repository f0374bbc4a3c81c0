# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its electrons of each spin."""

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

SPINS = 2
"""Alpha and beta."""


@module
class PopulationFitting(NetsFitting):
    """Populations `population`: (α_i, β_i) = x_i, an atom's electrons of spin alpha and beta, as the nets give them.

    Frames have none, and no bias is fitted to the data, as in deepmd-kit.

    References
    ----------
    Zeng et al., J. Chem. Theory Comput. 21, 4375 (2025) (deepmd-kit v3).
    """

    nets: FittingNets

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """Numbers of electrons, or whatever the labels count."""
        return (OutputDef("population", (SPINS,), "e", reduction=None, has_bias=False),)

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc ncomponents"]]:
        """Populations of the atoms, ``population``."""
        return {"population": self.nets(description.invariant, env, fparam, aparam)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Fitting", "@version": 4, "type": "population", "var_name": "population", "dim_out": SPINS}
        return {**head, **self.nets.serialize(), "atom_ener": None}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PopulationFitting:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, 4)
        return cls(nets=FittingNets.deserialize(data, "population fitting"))

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> PopulationFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        return cls(nets=FittingNets.initial(section, type_map, descriptor, SPINS, exclude_types, rng))
