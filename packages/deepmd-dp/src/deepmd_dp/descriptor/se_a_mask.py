# SPDX-License-Identifier: LGPL-3.0-or-later
"""The two-body descriptor of molecules of which the data mask some atoms, without a cut-off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepmd.contract import check_class
from deepmd_dp.descriptor.se_e2_a import SeE2A
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.environment.environment import UNBOUNDED, without_masked
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.interface import Description

NO_CUTOFF = {"rcut": UNBOUNDED, "rcut_smth": 0.5 * UNBOUNDED, "set_davg_zero": True, "env_protection": 0.0}
"""Settings of an environment matrix whose switch is 1 at any distance that a molecule has."""


@module
class SeAMask(Module):
    """Descriptor `se_a_mask`: that of `se_e2_a`, of all atoms that the mask keeps, and no others.

    Rows of the environment matrix are (1/r, x/r², y/r², z/r²), as they are: there is no cut-off, no periodic image,
    and no statistics of data. Atoms that the mask leaves out see nobody and nobody sees them; their description is
    zero. The mask is the data's `aparam`, by the fitting's `use_aparam_as_mask`; it comes as `Environment.kept`, and
    goes from atom to atom as messages do.

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 4-7; the mask is that of deepmd-kit 3.2 with ``--tf``, which
    knows of no file beside its own: this one's tree is ours.
    """

    inner: SeE2A

    mixed_types = False

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return self.inner.dim_out

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return self.inner.dim_equivariant

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, by type, of all atoms."""
        return self.inner.capacities

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """The mask."""
        return tuple(self.capacities)

    @property
    def uses_type_index(self) -> bool:
        """Whether the net depends on the centre's type."""
        return self.inner.uses_type_index

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Numbers that are held for an atom among so many."""
        return self.inner.numbers_per_atom(nnei)

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms; without a mask all are there."""
        return self.inner(without_masked(env))

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {**self.inner.serialize(), "type": "se_a_mask", "@version": 1}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SeAMask:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 1)
        return cls(inner=_without_statistics(SeE2A.deserialize(data)))

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> SeAMask:
        """A new descriptor of the input's section ``descriptor``, random weights."""
        return cls(inner=_without_statistics(SeE2A.from_input({**section, **NO_CUTOFF}, type_map, rng)))


def _without_statistics(inner: SeE2A) -> SeE2A:
    """The same whose rows stay as they are, whatever the data."""
    matrix: EnvironmentMatrix = replace(inner.two_body.matrix, takes_statistics=False)
    return replace(inner, two_body=replace(inner.two_body, matrix=matrix))
