# SPDX-License-Identifier: LGPL-3.0-or-later
"""The environment matrix of a neighbor list: switched inverse distances and directions, normalised by statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.contract import take_array
from deepmd_dp.dialect.array import Array, Float, Int
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.edge_rows import EnvSettings, edge_rows
from deepmd_dp.dialect.module import Module, buffer, module, static
from deepmd_dp.dialect.precision import numpy_dtype
from deepmd_dp.dialect.settings import read_settings, setting, write_settings
from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock
from deepmd_dp.environment.exclusion import Pairs, as_pairs, pair_weights

if TYPE_CHECKING:
    from collections.abc import Mapping


RCUT = (1e-3, 1e3)
"""Least and largest cut-off [Å]: in a crystal the largest would hold 10⁸ atoms."""
MOST_NEIGHBORS = 10**8


def _as_tuple(sel: int | list[int]) -> tuple[int, ...]:
    return (sel,) if isinstance(sel, int) else tuple(sel)


class Edges(NamedTuple):
    """The slots of a block around all centres, and how they are normalised."""

    edge_vec: Float[Array, "ncenters nnei 3"]  # [Å]
    weights: Float[Array, "ncenters nnei"]  # 1: counted, 0: not. Where slots differ, empty ones count too
    kept: Float[Array, "ncenters nnei"]  # 1 for a neighbor that is looked at
    neighbor_type: Int[Array, "ncenters nnei"] | None  # None: of one type
    nlist: Int[Array, "ncenters nnei"]
    shift: Float[Array, "ncenters #nnei columns"]  # [1/Å]
    scale: Float[Array, "ncenters #nnei columns"]  # [Å]
    nempty: Float[Array, "ncenters"]  # slots that the contract's list has beyond the neighbors; negative: it overflows


class Rows(NamedTuple):
    """The normalised rows of a block's edges."""

    matrix: Float[Array, "ncenters nnei columns"]  # (R - davg) / dstd, 0 where not counted
    switch: Float[Array, "ncenters nnei"]  # 0 where not kept
    distance: Float[Array, "ncenters nnei"]  # [Å]


@module
class EnvironmentMatrix(Module):
    """Environment matrix of one neighbor list, normalised by the type of the centre.

    R = w(r) (1/(r+p), x/(r+p)², y/(r+p)², z/(r+p)²) with the switch w and the protection p [Å]; with one column only
    the first.

    The contract stores a mean and a deviation for each of the `sel` slots of a centre's list. Statistics of data are
    the same in all slots: then one row a type is kept, a list may have any width, and each of the sel - n slots that
    a list of n neighbors leaves empty contributes the same, so that it is computed once (decision record 0001).

    Attributes
    ----------
    davg, dstd : [1/Å]
        With an axis of sum(sel) slots where these differ.
    sel
        Slots of each block in the contract.
    fixed_deviation
        Where not 0, `dstd` is this, whatever the data are [1/Å].
    takes_statistics
        Whether a new model's mean and deviation are those of the data; else they stay 0 and 1.
    list_rcut : [Å]
        Above `rcut`: the list holds the nearest `sel` neighbors up to here; those beyond `rcut` have a switch of 0.

    References
    ----------
    Zhang et al., NeurIPS 2018 (arXiv:1805.09003), eq. 5.
    """

    davg: Float[Array, "ntypes columns"] | Float[Array, "ntypes nslots columns"] = buffer()
    dstd: Float[Array, "ntypes columns"] | Float[Array, "ntypes nslots columns"] = buffer()
    rcut: float = setting(bounds=RCUT)
    rcut_smth: float = setting(bounds=(0.0, RCUT[1]))
    env_protection: float = setting(default=0.0, bounds=(0.0, RCUT[1]))
    use_exp_switch: bool = setting(default=False)
    sel: tuple[int, ...] = setting(read=_as_tuple, bounds=(0, MOST_NEIGHBORS))
    exclude_types: Pairs = setting(default=(), read=as_pairs)
    set_davg_zero: bool = setting(default=False)
    by_type: bool = static()
    columns: int = static(default=4)
    fixed_deviation: float = static(default=0.0)
    takes_statistics: bool = static(default=True)
    list_rcut: float = static(default=0.0)

    @classmethod
    def initial(cls, section: Mapping[str, Any], ntypes: int, *, by_type: bool, columns: int = 4) -> EnvironmentMatrix:
        """That of a section of the input, mean 0 and deviation 1."""
        size, dtype = (ntypes, columns), numpy_dtype(section["precision"])
        settings = read_settings(cls, section)
        if not by_type:
            settings["sel"] = (sum(settings["sel"]),)
        return cls(davg=np.zeros(size, dtype), dstd=np.ones(size, dtype), by_type=by_type, columns=columns, **settings)

    @classmethod
    def deserialize(
        cls, data: Mapping[str, Any], ntypes: int, where: str, *, by_type: bool, columns: int = 4
    ) -> EnvironmentMatrix:
        """That of a descriptor's tree in the contract, whose ``davg`` and ``dstd`` are (ntypes, sum(sel), columns)."""
        settings = read_settings(cls, {**data, "use_exp_switch": data.get("env_mat", {}).get("use_exp_switch", False)})
        size = (ntypes, sum(settings["sel"]), columns)
        davg, dstd = (take_array(data["@variables"], name, size, where=where) for name in ("davg", "dstd"))
        if size[1] == 0:
            davg, dstd = np.zeros((ntypes, columns), davg.dtype), np.ones((ntypes, columns), dstd.dtype)
        elif np.all(davg == davg[:, :1]) and np.all(dstd == dstd[:, :1]):
            davg, dstd = davg[:, 0], dstd[:, 0]
        return cls(davg=davg, dstd=dstd, by_type=by_type, columns=columns, **settings)

    def serialize_variables(self) -> dict[str, Float[Array, "ntypes nslots columns"]]:
        """The contract's arrays."""
        arrays = {"davg": self.davg, "dstd": self.dstd}
        if self.slots_differ:
            return arrays
        return {name: np.repeat(np.asarray(array)[:, None, :], sum(self.sel), axis=1) for name, array in arrays.items()}

    def serialize(self) -> dict[str, Any]:
        """The contract's entries of a descriptor that come from here."""
        settings = write_settings(self)
        env_mat = {"rcut": self.rcut, "rcut_smth": self.rcut_smth, "protection": self.env_protection}
        env_mat["use_exp_switch"] = settings.pop("use_exp_switch")
        return {**settings, "env_mat": env_mat, "@variables": self.serialize_variables()}

    @property
    def slots_differ(self) -> bool:
        """Whether the statistics are given slot by slot."""
        return len(self.davg.shape) == 3

    @property
    def spec(self) -> ListSpec:
        """The neighbor list that is looked at."""
        reaches_beyond = self.list_rcut > self.rcut
        widths = self.sel if self.slots_differ or reaches_beyond else None
        return ListSpec(max(self.list_rcut, self.rcut), self.by_type, widths)

    def edges(self, env: Environment) -> tuple[Edges, ...]:
        """The slots of each block."""
        return tuple(self._edges(env, index, block) for index, block in enumerate(env.blocks(self.spec)))

    def _edges(self, env: Environment, index: int, block: NeighborBlock) -> Edges:
        xp = array_namespace(block.nlist)
        nnei = shape(block.nlist)[2]
        nlist = xp.reshape(block.nlist, (-1, nnei))
        center = xp.reshape(env.center_type, (-1,))
        types = None if block.neighbor_type is None else xp.reshape(block.neighbor_type, (-1, nnei))
        occupied = xp.astype(nlist >= 0, self.davg.dtype)
        kept = occupied
        if self.exclude_types:
            neighbor = index if types is None else types
            kept = occupied * pair_weights(center, neighbor, self.exclude_types, self.davg.shape[0], like=self.davg)
        shift, deviation = (self._of_centers(table, index, center) for table in (self.davg, self.dstd))
        return Edges(
            edge_vec=xp.reshape(block.edge_vec, (-1, nnei, 3)),
            weights=1.0 - occupied + kept if self.slots_differ else kept,
            kept=kept,
            neighbor_type=types,
            nlist=nlist,
            shift=shift,
            scale=1.0 / deviation,
            nempty=self._nempty(index, xp.sum(occupied, axis=-1)),
        )

    def _nempty(self, index: int, noccupied: Array) -> Array:
        """Slots beyond those of the list; none where slots differ, whose lists are as wide as the contract's."""
        return 0.0 * noccupied if self.slots_differ else self.sel[index] - noccupied

    def _of_centers(
        self,
        table: Float[Array, "ntypes columns"] | Float[Array, "ntypes nslots columns"],
        index: int,
        center: Int[Array, "ncenters"],
    ) -> Float[Array, "ncenters _ columns"]:
        """Rows of a table for each centre, one or that of each slot."""
        xp = array_namespace(table)
        if not self.slots_differ:
            return xp.take(table, center, axis=0)[:, None, :]
        start = sum(self.sel[:index])
        return xp.take(table[:, start : start + self.sel[index], :], center, axis=0)

    @property
    def settings(self) -> EnvSettings:
        """What a row depends on before it is normalised."""
        return EnvSettings(self.rcut, self.rcut_smth, self.env_protection, self.columns, self.use_exp_switch)

    def rows(self, edges: Edges) -> Rows:
        """The normalised rows, in the precision of the statistics."""
        raw, switch, distance = edge_rows(edges.edge_vec, self.settings)
        xp = array_namespace(raw)
        matrix = (xp.astype(raw, self.davg.dtype) - edges.shift) * edges.scale * edges.weights[..., None]
        return Rows(matrix, xp.astype(switch[..., 0], self.davg.dtype) * edges.kept, distance[..., 0])

    def empty_rows(self) -> Float[Array, "ntypes columns"]:
        """The normalised row of an empty slot for each type of centre; 0 where slots differ."""
        if self.slots_differ:
            return 0.0 * self.davg[:, 0, :]
        return -self.davg / self.dstd
