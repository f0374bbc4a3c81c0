# SPDX-License-Identifier: LGPL-3.0-or-later
"""Mean and deviation of the environment matrix, and what an empty slot contributes."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepmd.contract import take_array
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Array, Module, buffer, module, static
from deepmd_dp.environment.environment import Environment
from deepmd_dp.environment.exclusion import Pairs, pair_weights


@module
class EnvStat(Module):
    """Normalises the environment matrix: (R - davg) / dstd by the centre's type.

    The contract stores one mean and deviation for each of the `sel` slots of a centre's
    neighbor list. Statistics of data are the same for all slots of a block, and then the
    list may have any width: `slots_differ` is False, and each of the sel - n slots that a
    list of n neighbors leaves empty contributes the same, computed once. That keeps the
    numbers of deepmd-kit, whose lists are always `sel` wide, at the cost of the real
    neighbors only, and goes on smoothly for more than `sel` neighbors.

    Attributes
    ----------
    davg, dstd : Array, (ntypes, sum(sel), 4) [1/Å]
    sel : tuple of int
        Slots of each block.
    """

    davg: Array = buffer()
    dstd: Array = buffer()
    sel: tuple[int, ...] = static()
    slots_differ: bool = static(default=False)
    is_centred: bool = static(default=False)

    @classmethod
    def of(cls, davg: np.ndarray, dstd: np.ndarray, sel: tuple[int, ...]) -> EnvStat:
        """Looks at the figures to see whether slots differ, and whether any mean is not zero."""
        starts = np.repeat(np.cumsum((0, *sel[:-1])), sel)
        differ = not (np.array_equal(davg, davg[:, starts]) and np.array_equal(dstd, dstd[:, starts]))
        return cls(davg=davg, dstd=dstd, sel=sel, slots_differ=differ, is_centred=bool(np.any(davg != 0.0)))

    @classmethod
    def deserialize(cls, variables: dict[str, Any], ntypes: int, sel: tuple[int, ...], where: str) -> EnvStat:
        """From the contract's `@variables`."""
        size = (ntypes, sum(sel), 4)
        davg = take_array(variables, "davg", size, where=where)
        return cls.of(davg, take_array(variables, "dstd", size, where=where), sel)

    @classmethod
    def neutral(cls, ntypes: int, sel: tuple[int, ...], dtype: np.dtype) -> EnvStat:
        """Mean 0 and deviation 1."""
        size = (ntypes, sum(sel), 4)
        return cls(davg=np.zeros(size, dtype), dstd=np.ones(size, dtype), sel=sel)

    def serialize(self) -> dict[str, Array]:
        return {"davg": self.davg, "dstd": self.dstd}

    def _slots(self, block: int) -> slice:
        start = sum(self.sel[:block])
        return slice(start, start + (self.sel[block] if self.slots_differ else 1))

    def _of_centers(self, table: Array, block: int, center_type: Array) -> Array:
        """Rows of a table for each centre: (nframes, nloc, slots or 1, 4)."""
        xp = array_namespace(table)
        rows = table[:, self._slots(block), :]
        taken = xp.take(rows, xp.reshape(center_type, (-1,)), axis=0)
        return xp.reshape(taken, (*shape(center_type), *shape(rows)[1:]))

    def normalize(self, env: Array, block: int, center_type: Array) -> Array:
        """(R - davg) / dstd of a block, (nframes, nloc, nnei, 4), in the precision of the statistics."""
        xp = array_namespace(env)
        env = xp.astype(env, self.davg.dtype)
        scale = 1.0 / self._of_centers(self.dstd, block, center_type)
        return (env - self._of_centers(self.davg, block, center_type)) * scale

    def empty_slot(self, block: int) -> Array:
        """The normalised environment of an empty slot for each type of centre, (ntypes, 4)."""
        first = sum(self.sel[:block])
        return -self.davg[:, first, :] / self.dstd[:, first, :]

    @property
    def has_empty_slot_term(self) -> bool:
        """Whether empty slots contribute beyond what the lists themselves hold."""
        return self.is_centred and not self.slots_differ

    def weights(self, env: Environment, block: int, exclude_types: Pairs) -> Array:
        """How often each slot of a list counts, (nframes, nloc, nnei): 1, or 0 where empty or excluded."""
        nlist = env.nlist[block]
        xp = array_namespace(nlist)
        occupied = xp.astype(nlist >= 0, self.davg.dtype)
        weights = xp.ones_like(occupied) if self.slots_differ else occupied
        if not exclude_types:
            return weights
        return weights - occupied * (1.0 - pair_weights(env, block, exclude_types, like=self.davg))

    def empty_slots(self, env: Environment, block: int) -> Array:
        """Slots that the contract's list has beyond the neighbors, (nframes, nloc): negative where it overflows."""
        nlist = env.nlist[block]
        xp = array_namespace(nlist)
        return self.sel[block] - xp.sum(xp.astype(nlist >= 0, self.davg.dtype), axis=-1)
