# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's description to its dipole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.fitting.nets import FittingNets, NetsFitting
from deepmd_dp.fitting.tensors import check_knows_directions, selected_types, unselected_types

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description, Descriptor


@module
class DipoleFitting(NetsFitting):
    """Dipole fitting `dipole`: μ_i = Σ_m x_im G_im, the nets' numbers times the vectors of the description.

    So the dipole rotates with the atoms.

    Attributes
    ----------
    nets : FittingNets
        They give as many numbers as the description has vectors.
    r_differentiable, c_differentiable : bool
        Whether there are forces, virials.

    References
    ----------
    Zhang et al., Phys. Rev. B 102, 041121 (2020) (arXiv:1906.11434).
    """

    nets: FittingNets
    r_differentiable: bool = setting(default=True)
    c_differentiable: bool = setting(default=True)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The dipole, of the types that are not excluded; in the labels' unit, by custom e·Å."""
        derived = self.r_differentiable and self.c_differentiable
        selected = selected_types(self.nets.exclude_types, self.nets.ntypes)
        return (OutputDef("dipole", (3,), "eÅ", has_derivative=derived, selected_types=selected, has_bias=False),)

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc 3"]]:
        """Atomic dipoles, ``dipole``; the description has vectors."""
        numbers = self.nets(description.invariant, env, fparam, aparam)
        xp = array_namespace(numbers)
        vectors = xp.astype(description.equivariant, numbers.dtype)
        return {"dipole": xp.matmul(numbers[:, :, None, :], vectors)[:, :, 0, :]}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Fitting", "@version": 4, "type": "dipole", "var_name": "dipole"}
        return {**head, "embedding_width": self.nets.nout, **self.nets.serialize(), **write_settings(self)}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DipoleFitting:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, 4)
        return cls(nets=FittingNets.deserialize(data, "dipole fitting"), **read_settings(cls, data))

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> DipoleFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics.

        Raises
        ------
        InputError
            The descriptor has no vectors, or `sel_type` is not a list of types.
        """
        check_knows_directions(descriptor, "dipole")
        excluded = tuple(sorted({*exclude_types, *unselected_types(section.get("sel_type"), len(type_map))}))
        nets = FittingNets.initial(section, type_map, descriptor, descriptor.dim_equivariant, excluded, rng)
        return cls(nets=nets, **read_settings(cls, section))
