# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body embedding descriptor with radial information only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd_dp.descriptor.two_body import TwoBody
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.interface import Description

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec

_SCALE = 1.0 / 5.0
"""deepmd-kit's factor."""


@module
class SeE2R(Module):
    r"""Radial descriptor `se_e2_r`.

    D_i = (1/5 N_c) Σ_j G(s_ij), the sum over the N_c = sum(sel) slots of the embeddings of the normalised, switched
    inverse distances s by a net of the pair's types.

    References
    ----------
    Wang et al., Comput. Phys. Commun. 228, 178 (2018) (arXiv:1712.03641); the form is deepmd-kit's.
    """

    two_body: TwoBody
    trainable: bool = setting(default=True)
    type_map: tuple[str, ...] = setting(default=())

    mixed_types = False
    messages = ()
    dim_equivariant = 0

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
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
        moments = self.two_body(env) * _SCALE
        return Description(array_namespace(moments).reshape(moments, (*shape(env.atype), self.dim_out)))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Descriptor", "type": "se_r", "spin": None}
        return {**head, **write_settings(self), **self.two_body.serialize()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeE2R:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 3)
        return cls(two_body=TwoBody.deserialize(data, "se_e2_r", columns=1), **read_settings(cls, data))

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeE2R:
        """A new descriptor of the input's section ``descriptor``, random weights, neutral statistics."""
        settings = read_settings(cls, {**section, "type_map": type_map})
        return cls(two_body=TwoBody.initial(section, len(type_map), rng, columns=1), **settings)
