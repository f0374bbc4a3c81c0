# SPDX-License-Identifier: LGPL-3.0-or-later
"""The surroundings of atoms in the types of a model that is a part of another one."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from deepmd_dp.dialect.array import Array, Int, total
from deepmd_dp.dialect.array_api import array_namespace, constant, shape
from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock


class TypeNumbers(NamedTuple):
    """How a part numbers the types of the whole.

    Attributes
    ----------
    of_whole : tuple of int
        For each type of the whole that of the part; -1: to the part, atoms of it are not there.
    ntypes : int
        Number of types of the part, some of which the whole may lack.
    of_neighbors : tuple of int
        The same for neighbors and empty slots, where each has a type; where the part sees atoms of all types, equal.
    """

    of_whole: tuple[int, ...]
    ntypes: int
    of_neighbors: tuple[int, ...]

    @classmethod
    def by_name(cls, part: tuple[str, ...], whole: tuple[str, ...]) -> TypeNumbers:
        """Those of types of equal names; ValueError: the part lacks one."""
        numbers = tuple(part.index(name) for name in whole)
        return cls(numbers, len(part), numbers)

    @property
    def are_the_same(self) -> bool:
        """Whether part and whole number all types alike."""
        return self.of_whole == tuple(range(self.ntypes))

    def _whole_of(self, number: int) -> int | None:
        return self.of_whole.index(number) if number in self.of_whole else None

    def list_of_whole(self, spec: ListSpec) -> ListSpec:
        """The whole's list in which a list of the part is found."""
        return spec if spec.widths is None else spec._replace(widths=self.blocks_of_whole(spec, spec.widths))

    def blocks_of_whole(self, spec: ListSpec, of_blocks: tuple[int, ...]) -> tuple[int, ...]:
        """Numbers of a part's blocks for those of the whole's list; 0 where the part has none."""
        return tuple(0 if n < 0 else of_blocks[n] for n in self.of_whole) if spec.by_type else of_blocks

    def seen(self, env: Environment, lists: tuple[ListSpec, ...]) -> Environment:
        """The surroundings of the whole's atoms in the part's types, with the lists that it looks at."""
        if self.are_the_same:
            return env
        centers, restore = self._centers(env)
        return replace(
            env,
            lists=tuple(self._blocks(env, spec) for spec in lists),
            atype=_renumbered(env.atype, self.of_whole),
            centers=centers,
            restore=restore,
            empty_type=None if env.empty_type is None else _renumbered(env.empty_type, self.of_neighbors),
            specs=lists,
        )

    def _blocks(self, env: Environment, spec: ListSpec) -> tuple[NeighborBlock, ...]:
        blocks = env.blocks(self.list_of_whole(spec))
        if spec.by_type:
            found = [self._whole_of(number) for number in range(self.ntypes)]
            return tuple(_empty(blocks[0], spec) if each is None else blocks[each] for each in found)
        return tuple(
            replace(each, neighbor_type=_renumbered(each.neighbor_type, self.of_neighbors))
            for each in blocks
            if each.neighbor_type is not None
        )

    def _centers(self, env: Environment) -> tuple[tuple[Int[Array, "_"], ...], Int[Array, "ncenters"] | None]:
        """`Environment.centers` and `restore`; atoms that are not there have the row of a first one among type 0."""
        if env.restore is None:
            return (), None
        xp = array_namespace(env.restore)
        anyone = xp.concat(list(env.centers), axis=0)[:1]
        found = [self._whole_of(number) for number in range(self.ntypes)]
        # a type that the whole lacks has a row too, which nobody takes: Paddle derives no arrays of none
        centers = [anyone if each is None else env.centers[each] for each in found]
        centers[0] = xp.concat([anyone, centers[0]], axis=0)
        starts, starts_of_whole = _starts(centers), _starts(list(env.centers))
        starts[0] = starts[0] + _size(anyone)
        moves = [starts[max(n, 0)] - start for n, start in zip(self.of_whole, starts_of_whole, strict=True)]
        center = xp.reshape(env.center_type, (-1,))
        moved = env.restore + xp.take(xp.concat(moves, axis=0), center, axis=0)
        is_there = xp.take(constant(np.array(self.of_whole), like=center), center, axis=0) >= 0
        return tuple(centers), xp.where(is_there, moved, xp.zeros_like(moved))


def _size(index: Int[Array, "_"]) -> Int[Array, "1"]:
    xp = array_namespace(index)
    return xp.sum(xp.ones_like(index), axis=0, keepdims=True)


def _starts(parts: list[Array]) -> list[Array]:
    """Where each part begins in their concatenation, as arrays, since sizes may be unknown where this is traced."""
    sizes = [_size(each) for each in parts]
    return [total([0 * sizes[0], *sizes[:k]]) for k in range(len(sizes))]


def _renumbered(types: Int[Array, "nframes *lead"], numbers: tuple[int, ...]) -> Int[Array, "nframes *lead"]:
    """Types in other numbers; -1 stays."""
    xp = array_namespace(types)
    table = constant(np.array([-1, *numbers]), like=types)
    return xp.reshape(xp.take(table, xp.reshape(types, (-1,)) + 1, axis=0), shape(types))


def _empty(block: NeighborBlock, spec: ListSpec) -> NeighborBlock:
    """A block without neighbors, for as many centres."""
    xp = array_namespace(block.edge_vec)
    nlist, edge_vec = block.nlist[:, :, :1], block.edge_vec[:, :, :1, :]
    far = constant(np.array([2.0 * spec.rcut, 0.0, 0.0]), like=edge_vec)
    return NeighborBlock(edge_vec=far + xp.zeros_like(edge_vec), nlist=-xp.ones_like(nlist))
