# SPDX-License-Identifier: LGPL-3.0-or-later
"""The fitting that maps an atom's description to its dipole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import module
from deepmd_dp.dialect.settings import setting, write_settings
from deepmd_dp.fitting.tensors import TensorFitting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Description


@module
class DipoleFitting(TensorFitting):
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

    kind = "dipole"
    r_differentiable: bool = setting(default=True)
    c_differentiable: bool = setting(default=True)

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """The dipole, of the types that are not excluded; in the labels' unit, by custom e·Å."""
        derived = self.r_differentiable and self.c_differentiable
        selected = self.selected_types
        return (OutputDef("dipole", (3,), "eÅ", has_derivative=derived, selected_types=selected, has_bias=False),)

    @classmethod
    def width(cls, section: Mapping[str, Any], nvectors: int) -> int:
        """A number for each vector."""
        del section
        return nvectors

    def __call__(
        self, description: Description, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> dict[str, Float[Array, "nframes nloc 3"]]:
        """Atomic dipoles, ``dipole``; the description has vectors."""
        numbers = self.nets(description.invariant, env, fparam, aparam)
        xp = array_namespace(numbers)
        vectors = xp.astype(description.equivariant, numbers.dtype)
        return {"dipole": xp.matmul(numbers[:, :, None, :], vectors)[:, :, 0, :]}

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {**self.head("dipole"), "embedding_width": self.nets.nout}
        return {**head, **self.nets.serialize(), **write_settings(self)}
