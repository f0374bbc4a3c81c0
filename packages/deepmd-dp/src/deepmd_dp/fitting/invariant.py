# SPDX-License-Identifier: LGPL-3.0-or-later
"""What fittings are alike in whose output is what the nets give, unchanged when the frame turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import write_settings
from deepmd_dp.fitting.nets import NetsFitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description


@module
class InvariantFitting(NetsFitting):
    """x_i, the numbers that the nets give, by the name of the one output."""

    size: ClassVar[int | str] = 1
    """How many numbers an atom has, or the key that says it in the input."""

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The one output."""
        raise NotImplementedError

    @property
    def from_vacuum(self) -> tuple[int, ...]:
        """Types whose net's value at a zero descriptor is subtracted."""
        return ()

    @classmethod
    def width(cls, section: Mapping[str, Any], nvectors: int) -> int:
        """How many numbers an atom has."""
        del nvectors
        return int(section[cls.size]) if isinstance(cls.size, str) else cls.size

    def __call__(
        self, description: Description, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> dict[str, Float[Array, "nframes nloc ncomponents"]]:
        """The numbers of each atom, without the data's bias."""
        (output,) = self.outputs
        return {output.name: self.nets(description.invariant, env, fparam, aparam, self.from_vacuum)}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        (output,) = self.outputs
        head = {**self.head(output.name), "dim_out": self.nets.nout}
        return {**head, **self.nets.serialize(), "atom_ener": None, **write_settings(self)}
