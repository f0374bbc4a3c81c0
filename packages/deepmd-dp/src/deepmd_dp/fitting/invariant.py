# SPDX-License-Identifier: LGPL-3.0-or-later
"""What fittings are alike in whose output is what the nets give, unchanged when the frame turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from deepmd.contract import check_class
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import read_settings, write_settings
from deepmd_dp.fitting.nets import FittingNets, NetsFitting

if TYPE_CHECKING:
    import numpy as np

    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description, Descriptor

Own = TypeVar("Own", bound="InvariantFitting")


@module
class InvariantFitting(NetsFitting):
    """x_i, the numbers that the nets give, by the name of the one output."""

    kind: ClassVar[str]
    """The contract's name of the type."""
    version: ClassVar[int] = 4
    """The contract's newest version of it."""

    nets: FittingNets

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The one output."""
        raise NotImplementedError

    @staticmethod
    def width(section: dict[str, Any]) -> int:
        """How many numbers an atom has, by the input's section ``fitting_net``."""
        raise NotImplementedError

    def __call__(
        self,
        description: Description,
        env: Environment,
        fparam: Float[Array, "nframes nfparam"] | None,
        aparam: Float[Array, "nframes nloc naparam"] | None,
    ) -> dict[str, Float[Array, "nframes nloc ncomponents"]]:
        """The numbers of each atom, without the data's bias."""
        (output,) = self.outputs
        return {output.name: self.nets(description.invariant, env, fparam, aparam)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        (output,) = self.outputs
        head = {"@class": "Fitting", "@version": self.version, "type": self.kind, "var_name": output.name}
        return {**head, "dim_out": self.nets.nout, **self.nets.serialize(), "atom_ener": None, **write_settings(self)}

    @classmethod
    def deserialize(cls: type[Own], data: dict[str, Any]) -> Own:
        """The fitting of the contract's tree."""
        check_class(data, "Fitting", 1, cls.version)
        return cls(nets=FittingNets.deserialize(data, f"{cls.kind} fitting"), **read_settings(cls, data))

    @classmethod
    def from_input(
        cls: type[Own],
        section: dict[str, Any],
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Own:
        """A new fitting of the input's section ``fitting_net``, random weights, neutral statistics."""
        nets = FittingNets.initial(section, type_map, descriptor, cls.width(section), exclude_types, rng)
        return cls(nets=nets, **read_settings(cls, section))
