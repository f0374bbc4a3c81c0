# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the graph in a frozen file takes and gives: arrays by name, every size open."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import jax
import numpy as np

from deepmd_dp.environment.environment import Environment
from deepmd_dp.model.derivatives import energy_terms, force_terms
from deepmd_jax.derivative import energy_and_gradient

CONSTRAINTS = ("nall >= nloc",)
"""What is true of the open sizes."""


@dataclass(frozen=True)
class Metadata:
    """What a reader must know to fill a graph's inputs.

    Attributes
    ----------
    rcut : float
        Cut-off radius [Å].
    type_map : list of str
    by_type : bool
        Whether the neighbors of each type have a block of their own.
    list_widths : list of int
        Widths that the blocks must have; empty: any.
    dim_fparam, dim_aparam : int
    default_fparam : list of float
        Frame parameters where none are given; empty: there are none.
    """

    rcut: float
    type_map: list[str]
    by_type: bool
    list_widths: list[int]
    dim_fparam: int
    dim_aparam: int
    default_fparam: list[float]

    @classmethod
    def of(cls, model: Any) -> Metadata:
        """That of a model."""
        return cls(
            rcut=float(model.rcut),
            type_map=list(model.type_map),
            by_type=not model.descriptor.mixed_types,
            list_widths=[int(width) for width in model.list_widths or ()],
            dim_fparam=int(model.fitting.numb_fparam),
            dim_aparam=int(model.fitting.numb_aparam),
            default_fparam=[float(value) for value in model.fitting.default_fparam or ()],
        )

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @property
    def ntypes(self) -> int:
        return len(self.type_map)

    @property
    def nblocks(self) -> int:
        """Blocks of neighbors."""
        return self.ntypes if self.by_type else 1


def input_sizes(metadata: Metadata) -> dict[str, tuple[str, np.dtype]]:
    """Sizes and types of a graph's inputs by name, as JAX writes open sizes: ``"nframes, nloc, 3"``.

    They are the fields of `deepmd_dp.environment.environment.Environment`, a tuple's arrays numbered, and

    mapping : (nframes, nall)
        Local atom of which each atom is an image; the first nloc are the local atoms. ``nlist`` refers to these.
    fparam : (nframes, dim_fparam)
    aparam : (nframes, nloc, dim_aparam)
    """
    integer, real = np.dtype(np.int64), np.dtype(np.float64)
    widths = metadata.list_widths or [f"nnei{k}" for k in range(metadata.nblocks)]
    lists = [f"nframes, nloc, {width}" for width in widths]
    return {
        **{f"edge_vec_{k}": (f"{size}, 3", real) for k, size in enumerate(lists)},
        **{f"nlist_{k}": (size, integer) for k, size in enumerate(lists)},
        **{f"neighbor_type_{k}": (size, integer) for k, size in enumerate(lists)},
        "atype": ("nframes, nloc", integer),
        **{f"centers_{t}": (f"natoms{t}", integer) for t in range(metadata.ntypes)},
        "restore": ("nframes*nloc", integer),
        "mapping": ("nframes, nall", integer),
        "fparam": (f"nframes, {metadata.dim_fparam}", real),
        "aparam": (f"nframes, nloc, {metadata.dim_aparam}", real),
    }


def evaluate(model: Any, inputs: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """The graph: energies, forces and virials of a model, to be traced.

    Returns
    -------
    dict
        ``energy`` (nframes, 1), ``atom_energy`` (nframes, nloc, 1), ``force`` (nframes, nall, 3), ``virial``
        (nframes, 9), ``atom_virial`` (nframes, nall, 9) [eV, Å].
    """
    env = _environment(inputs)
    energy, gradient = energy_and_gradient(model, env, inputs["fparam"], inputs["aparam"])
    nall = inputs["mapping"].shape[1]
    return energy_terms(energy) | force_terms(env, gradient, virial=True, atomic=True, nall=nall)


def _environment(inputs: dict[str, jax.Array]) -> Environment:
    def numbered(name: str) -> tuple[jax.Array, ...]:
        return tuple(inputs[f"{name}_{k}"] for k in range(sum(key.startswith(f"{name}_") for key in inputs)))

    blocks = {name: numbered(name) for name in ("edge_vec", "nlist", "neighbor_type", "centers")}
    return Environment(**blocks, atype=inputs["atype"], restore=inputs["restore"])


def inputs_of(
    env: Environment, fparam: jax.Array | None, aparam: jax.Array | None, metadata: Metadata
) -> dict[str, np.ndarray]:
    """The inputs for an environment without ghost atoms, in NumPy."""
    nframes, nloc = env.atype.shape
    if fparam is None:
        fparam = np.tile(np.array(metadata.default_fparam), (nframes, 1))
    inputs = {
        f"{name}_{k}": array
        for name in ("edge_vec", "nlist", "neighbor_type", "centers")
        for k, array in enumerate(getattr(env, name))
    }
    inputs |= {
        "atype": env.atype,
        "restore": env.restore,
        "mapping": np.tile(np.arange(nloc), (nframes, 1)),
        "fparam": fparam,
        "aparam": np.zeros((nframes, nloc, 0)) if aparam is None else aparam,
    }
    return {name: np.asarray(array) for name, array in inputs.items()}
