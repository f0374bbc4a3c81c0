# SPDX-License-Identifier: LGPL-3.0-or-later
"""Several descriptors side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError
from deepmd_dp.descriptor import deserialize_descriptor, new_descriptor
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.environment.environment import widest
from deepmd_dp.interface import Description, Descriptor, SharesList

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.environment.environment import Environment, ListSpec


@module
class Hybrid(Module):
    """The parts' descriptions joined, invariant and equivariant ones each.

    Each part has its own neighbor lists; equal ones are built once. A part without an equivariant part adds none.
    A part whose numbers depend on how far its list goes has that of the part that sees furthest, see `SharesList`.
    """

    parts: tuple[Descriptor, ...]

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        return sum(part.dim_out for part in self.parts)

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part."""
        return sum(part.dim_equivariant for part in self.parts)

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """The lists of all parts."""
        return widest(each for part in self.parts for each in part.capacities.items())

    def with_list_rcut(self, rcut: float) -> Hybrid:
        """The same with lists up to `rcut` [Å] in the parts that share theirs; a part may be a hybrid too."""
        parts = (part.with_list_rcut(rcut) if isinstance(part, SharesList) else part for part in self.parts)
        return replace(self, parts=tuple(parts))

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Those of all parts."""
        return sum(part.numbers_per_atom(nnei) for part in self.parts)

    @property
    def mixed_types(self) -> bool:
        """Whether any part holds the type, so that one fitting net serves all types."""
        return any(part.mixed_types for part in self.parts)

    @property
    def uses_type_index(self) -> bool:
        """Whether any part looks at `Environment.centers`."""
        return any(part.uses_type_index for part in self.parts)

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """Those of all parts, as if they followed each other."""
        return tuple(spec for part in self.parts for spec in part.messages)

    def __call__(self, env: Environment) -> Description:
        """The description of the local atoms."""
        found = [part(env) for part in self.parts]
        xp = array_namespace(found[0].invariant)
        vectors = [own for each in found if (own := each.equivariant) is not None]
        return Description(
            xp.concat([each.invariant for each in found], axis=-1),
            xp.concat(vectors, axis=2) if vectors else None,
        )

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        return {
            "@class": "Descriptor",
            "type": "hybrid",
            "@version": 1,
            "list": [part.serialize() for part in self.parts],
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Hybrid:
        """The descriptor of the contract's tree."""
        check_class(data, "Descriptor", 1, 1)
        return _sharing_list(cls(parts=tuple(map(deserialize_descriptor, data["list"]))))

    @classmethod
    def from_input(cls, section: dict[str, Any], type_map: list[str], rng: np.random.Generator) -> Hybrid:
        """A new descriptor of the input's section ``descriptor``; a part with a seed has its own random numbers.

        Raises
        ------
        InputError
            It has no parts.
        """
        if not section["list"]:
            raise InputError("model/descriptor/list of the hybrid descriptor is empty; list at least one descriptor.")

        def new(part: dict[str, Any]) -> Descriptor:
            seed = part.get("seed")
            return new_descriptor(part, type_map, rng if seed is None else np.random.default_rng(seed))

        return _sharing_list(cls(parts=tuple(map(new, section["list"]))))


def _sharing_list(hybrid: Hybrid) -> Hybrid:
    return hybrid.with_list_rcut(max((spec.rcut for spec in hybrid.capacities), default=0.0))
