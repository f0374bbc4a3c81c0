# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its part in a property of the frame, whatever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.fitting.nets import FittingNets, NetsFitting

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description, Descriptor


@module
class PropertyFitting(NetsFitting):
    """Property `property`: p_i = σ x_i + b, the nets' numbers scaled by the data's deviation, and its bias.

    The frame's property is the sum of its atoms' or, where it is intensive, their mean.

    Attributes
    ----------
    nets : FittingNets
    property_name
        That of the labels: ``band_gap`` for ``band_gap.npy``.
    intensive
        Whether the frame's property does not grow with the number of atoms.
    distinguish_types
        Whether there is a bias for each type, by least squares, or one for all, the mean.

    References
    ----------
    Zeng et al., J. Chem. Theory Comput. 21, 4375 (2025) (deepmd-kit v3).
    """

    nets: FittingNets
    property_name: str = setting()
    intensive: bool = setting(default=False)
    distinguish_types: bool = setting(default=True)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The property, in the labels' unit."""
        reduction = "mean" if self.intensive else "sum"
        return (
            OutputDef(
                self.property_name,
                (self.nets.nout,),
                reduction=reduction,
                has_common_bias=not self.distinguish_types,
                kind="property",
            ),
        )

    def shift_and_factor(
        self, bias: Float[Array, "ntypes ncomponents"], deviation: Float[Array, "ntypes ncomponents"]
    ) -> tuple[Float[Array, "ntypes ncomponents"], Float[Array, "ntypes ncomponents"]]:
        """The data's bias and deviation."""
        return bias, deviation

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc ncomponents"]]:
        """The nets' numbers, by the property's name."""
        return {self.property_name: self.nets(description.invariant, env, fparam, aparam)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        settings = write_settings(self)
        name, nout = settings.pop("property_name"), self.nets.nout
        head = {"@class": "Fitting", "@version": 6, "type": "property", "var_name": name, "dim_out": nout}
        return {**head, **self.nets.serialize(), "atom_ener": None, "task_dim": nout, **settings}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PropertyFitting:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, 6)
        # what was written before the key was there knew no types
        named = {"distinguish_types": False, **data, "property_name": data["var_name"]}
        return cls(nets=FittingNets.deserialize(data, "property fitting"), **read_settings(cls, named))

    @classmethod
    def from_input(
        cls,
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> PropertyFitting:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        nets = FittingNets.initial(section, type_map, descriptor, section["task_dim"], exclude_types, rng)
        return cls(nets=nets, **read_settings(cls, section))
