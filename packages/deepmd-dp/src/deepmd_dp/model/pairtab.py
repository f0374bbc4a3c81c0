# SPDX-License-Identifier: LGPL-3.0-or-later
"""A pair potential given as a table."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepmd.contract import check_class, take_array
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import ENERGY
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Int, total
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.module import Module, buffer, module, static
from deepmd_dp.environment.environment import Environment, ListSpec, NeighborBlock
from deepmd_dp.model.base import BaseModel, new_base, read_base
from deepmd_dp.model.table_file import reaching, read_table, spline_coefficients

log = logging.getLogger(__name__)

_NUMBERS_PER_NEIGHBOR = 16
"""Roughly: coefficients, distance, index and what is computed of them."""


@module
class PairTable(Module):
    """Energies of pairs of atoms at distances in equal steps, and the cubic splines through them.

    Attributes
    ----------
    vdata
        Distances [Å] and energies [eV] of the pairs 0-0, 0-1, …, 1-1, ….
    tab_data
        Four coefficients of each interval of each ordered pair of types, the highest power of
        (r - r_k) / hh first.
    rmin, hh
        First distance and step [Å].
    rcut
        Beyond it there is nothing [Å].
    """

    vdata: Float[Array, "nrows _"] = buffer()
    tab_data: Float[Array, "n"] = buffer()
    rmin: float = static()
    hh: float = static()
    rcut: float = static()
    ntypes: int = static()

    @property
    def nspline(self) -> int:
        """Number of intervals."""
        return self.vdata.shape[0] - 1

    def __call__(
        self,
        distance: Float[Array, "nframes nloc nnei"],
        center_type: Int[Array, "nframes nloc"],
        neighbor_type: Int[Array, "nframes nloc nnei"] | int,
    ) -> Float[Array, "nframes nloc nnei"]:
        """Energies of pairs [eV]; nearer than the table's first distance that of the first, so that no force acts.

        deepmd-kit's PyTorch and TensorFlow stop there.
        """
        xp = array_namespace(distance)
        u = (distance - self.rmin) / self.hh
        zero, end = xp.zeros_like(u), self.nspline * xp.ones_like(u)
        u = xp.where(u < 0.0, zero, xp.where(u > end, end, u))
        interval = xp.astype(xp.where(u < end, u, end - 1.0), xp.int64)
        u = u - xp.astype(interval, u.dtype)
        index = (center_type[:, :, None] * self.ntypes + neighbor_type) * self.nspline + interval
        rows = xp.take(xp.reshape(self.tab_data, (-1, 4)), xp.reshape(index, (-1,)), axis=0)
        a, b, c, d = (xp.reshape(rows[:, k], shape(u)) for k in range(4))
        end_of_all = min(self.rcut, self.rmin + self.nspline * self.hh)
        return xp.where(distance < end_of_all, ((a * u + b) * u + c) * u + d, zero)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        table = np.asarray(self.vdata)
        tab_info = np.array([self.rmin, self.hh, self.nspline, self.ntypes], dtype=np.float64)
        settings = {"rmin": self.rmin, "rmax": float(table[-1, 0]), "hh": self.hh, "ntypes": self.ntypes}
        arrays = {"vdata": self.vdata, "tab_info": tab_info, "tab_data": self.tab_data}
        head = {"@class": "PairTab", "@version": 1}
        return {**head, **settings, "rcut": self.rcut, "nspline": self.nspline, "@variables": arrays}

    @classmethod
    def deserialize(cls, data: dict[str, Any], ntypes: int) -> PairTable:
        """The table of the contract's tree."""
        check_class(data, "PairTab", 1, 1)
        if data["ntypes"] != ntypes:
            raise ModelFileError(f"the model's table is for {data['ntypes']} types, the model has {ntypes}: damaged.")
        variables, where = data["@variables"], "pair table"
        vdata = take_array(variables, "vdata", (-1, 1 + ntypes * (ntypes + 1) // 2), where=where)
        size = ntypes * ntypes * (len(vdata) - 1) * 4
        tab_data = take_array(variables, "tab_data", (size,), where=where)
        rmin, hh, rcut = (float(data[name]) for name in ("rmin", "hh", "rcut"))
        if len(vdata) < 2 or not (hh > 0 and rmin >= 0 and rcut > 0):
            raise ModelFileError("the model's table has no interval: damaged.")
        arrays = {"vdata": vdata.astype(np.float64), "tab_data": tab_data.astype(np.float64)}
        return cls(**arrays, rmin=rmin, hh=hh, rcut=rcut, ntypes=ntypes)

    @classmethod
    def from_file(cls, path: str, type_map: tuple[str, ...], rcut: float) -> PairTable:
        """That of a file, up to a cut-off [Å].

        Raises
        ------
        InputError
            There is no such file, it is no table for these types, or begins beyond the cut-off.
        """
        table, ntypes = read_table(path, type_map), len(type_map)
        if table[0, 0] >= rcut:
            raise InputError(f"{path} begins at {table[0, 0]:g} Å, beyond the cut-off {rcut:g} Å; take a larger rcut.")
        _say_how_it_ends(table, rcut, path)
        vdata = reaching(table, rcut)
        rows = spline_coefficients(vdata[:, 0], vdata[:, 1:])
        column = np.zeros((ntypes, ntypes), dtype=np.int64)
        first, second = np.triu_indices(ntypes)
        column[first, second] = column[second, first] = np.arange(len(first))
        hh = float(vdata[1, 0] - vdata[0, 0])
        tab_data = rows[column].reshape(-1)
        return cls(vdata=vdata, tab_data=tab_data, rmin=float(vdata[0, 0]), hh=hh, rcut=rcut, ntypes=ntypes)


def _say_how_it_ends(table: np.ndarray, rcut: float, path: str) -> None:
    """A warning where energies are invented, or jump at the cut-off."""
    end, largest = table[-1, 0], float(np.max(np.abs(table[-1, 1:])))
    if rcut > end and largest > 0.0:
        log.warning(
            "%s ends at %g Å with up to %.3g eV; a cubic goes on to 0 at the cut-off %g Å.", path, end, largest, rcut
        )
    elif rcut <= end:
        last = table[np.searchsorted(table[:, 0], rcut), 1:]
        if np.any(last != 0.0):
            jump = float(np.max(np.abs(last)))
            log.warning(
                "%s does not end at the cut-off %g Å, where its energies, up to %.3g eV, are cut off.", path, rcut, jump
            )


@module
class PairTabModel(BaseModel):
    """A tabulated pair potential: E_i = ½ Σ_j E_pair(t_i, t_j, r_ij) of the neighbors j.

    Attributes
    ----------
    sel
        Neighbors that it was made for.
    by_type
        Whether it looks at a list of each type of neighbors, which another model of a combination has.
    """

    table: PairTable
    sel: int = static()
    by_type: bool = static(default=False)

    uses_type_index = False
    messages = ()
    dim_fparam = dim_aparam = 0
    default_fparam = None

    @property
    def spec(self) -> ListSpec:
        """The neighbor list that it looks at."""
        return ListSpec(self.table.rcut, self.by_type)

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """One list, with the neighbors that it was made for; of any type, where it looks at those of each type."""
        return {self.spec: (self.sel,) if not self.by_type else (0,) * self.ntypes}

    def bytes_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Memory that is held for an atom with so many neighbors in its list."""
        return 8 * _NUMBERS_PER_NEIGHBOR * nnei[self.spec]

    def __call__(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> dict[str, Float[Array, "nframes nloc 1"]]:
        """Atomic energies, ``energy`` [eV]."""
        halves = total(self._halves(env, index, block) for index, block in enumerate(env.blocks(self.spec)))
        return self.biased_energy(halves, env)

    def _halves(self, env: Environment, index: int, block: NeighborBlock) -> Float[Array, "nframes nloc 1"]:
        """Half the energies of the atoms with the neighbors of a block."""
        xp = array_namespace(block.edge_vec)
        distance = xp.sqrt(xp.sum(block.edge_vec * block.edge_vec, axis=-1))
        neighbor_type = index if block.neighbor_type is None else block.neighbor_type
        energy = self.table(distance, env.center_type, neighbor_type)
        energy = energy * xp.astype(block.nlist >= 0, energy.dtype)
        return 0.5 * xp.sum(energy, axis=-1, keepdims=True)

    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        """Nothing describes the atoms.

        Raises
        ------
        InputError
            In any case.
        """
        raise InputError("a tabulated pair potential has no descriptor.")

    def features(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> Float[Array, "nframes nloc width"]:
        """There is no net.

        Raises
        ------
        InputError
            In any case.
        """
        raise InputError("a tabulated pair potential has no net, and so no last layer.")

    def serialize(self) -> dict[str, Any]:
        """The contract's tree."""
        head = {"@class": "Model", "type": "pairtab", "@version": 2}
        return {**head, **self.serialize_base(), "tab": self.table.serialize(), "rcut": self.rcut, "sel": self.sel}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PairTabModel:
        """The model of the contract's tree."""
        check_class(data, "Model", 2, 2)
        table = PairTable.deserialize(data["tab"], len(data["type_map"]))
        if data["rcut"] != table.rcut:
            raise ModelFileError(f"the model's cut-off is {data['rcut']} Å, its table's {table.rcut} Å: damaged.")
        return cls(table=table, sel=data["sel"], **read_base(data, (ENERGY,)))

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> PairTabModel:
        """The model of the input's section ``model``.

        Raises
        ------
        InputError
            See `PairTable.from_file`.
        """
        del rng  # nothing in it is random
        sel = section["sel"]
        table = PairTable.from_file(section["tab_file"], tuple(section["type_map"]), section["rcut"])
        return cls(table=table, sel=sum(sel) if isinstance(sel, list) else sel, **new_base(section, (ENERGY,)))
