# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body embedding descriptor with full radial and angular information."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd_dp.descriptor.contraction import describe_by_moments
from deepmd_dp.descriptor.two_body import TwoBody
from deepmd_dp.dialect.array_api import shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.settings import read_settings, setting, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.interface import Description


@module
class SeE2A(Module):
    r"""DeepPot-SE descriptor `se_e2_a`.

    D_i = (1/N_c²) (G_i)ᵀ R_i (R_i)ᵀ G_i^<, where R_i (N_c, 4) is the normalised environment
    matrix, G_i (N_c, M) the embedding of its first column by a net of the pair's types, and
    G_i^< its first `axis_neuron` columns; N_c = sum(sel).

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 4-7.
    """

    two_body: TwoBody
    axis_neuron: int = setting(default=4)
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = False
    messages = ()

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.dim_equivariant * self.axis_neuron

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.two_body.width

    @property
    def lists(self) -> tuple[ListSpec, ...]:
        """One list, by type."""
        return (self.two_body.matrix.spec,)

    @property
    def list_capacities(self) -> tuple[tuple[int, ...], ...]:
        """The list's `sel`."""
        return (self.two_body.matrix.sel,)

    @property
    def uses_type_index(self) -> bool:
        """Whether the net depends on the centre's type."""
        return self.two_body.uses_type_index

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Numbers that are held for an atom with so many neighbors."""
        return self.two_body.numbers_per_atom(nnei)

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        return describe_by_moments(self.two_body(env), self.axis_neuron, shape(env.atype))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Descriptor", "type": "se_e2_a", "spin": None}
        return {**head, **write_settings(self), **self.two_body.serialize()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE2A:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 3)
        return cls(two_body=TwoBody.deserialize(data, "se_e2_a", columns=4), **read_settings(cls, data))

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeE2A:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        settings = read_settings(cls, {**section, "type_map": type_map})
        return cls(two_body=TwoBody.initial(section, len(type_map), rng, columns=4), **settings)
