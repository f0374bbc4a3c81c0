# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's descriptor to its part in a property of the frame, whatever it is."""

from __future__ import annotations

from typing import Any

from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import setting
from deepmd_dp.fitting.invariant import InvariantFitting


@module
class PropertyFitting(InvariantFitting):
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

    kind = "property"
    version = 6
    size = "task_dim"

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

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        tree = super().serialize()
        del tree["property_name"]
        return {**tree, "task_dim": self.nets.nout}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PropertyFitting:
        """The fitting of the contract's tree."""
        # what was written before the key was there knew no types
        return super().deserialize({"distinguish_types": False, **data, "property_name": data["var_name"]})
