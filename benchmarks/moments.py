# SPDX-License-Identifier: LGPL-3.0-or-later
"""Time of the moments of embedded neighbors on PyTorch: the net for each neighbor, and as a matrix.

    python benchmarks/moments.py --natoms 192 --nnei 86 --slots 138 --threads 1

Measured are the moments M of a net 25-50-100, their gradient by the displacements, and what a loss of both gives the
net's parameters, in processor time: by the net itself, by Chebyshev moments and coefficients in plain form, and with
the kernels for the moments. ``--types 8`` has a net for each type of neighbor; for the matrices all stand in one list.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.edge_rows import edge_rows
from deepmd_dp.dialect.module import leaves, map_leaves
from deepmd_dp.nn import matrix
from deepmd_dp.nn.network import EmbeddingNetwork
from deepmd_pt import arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

SETTINGS = ops.EnvSettings(rcut=6.0, rcut_smth=0.5)
DAVG, DSTD = 0.12, 1.0 / 6.0  # of water, about


class Neighbors(NamedTuple):
    """Displacements around atoms, padded, with what the operation takes beside them."""

    edge_vec: Tensor
    weights: Tensor
    types: Tensor
    shift: Tensor
    scale: Tensor


def make_neighbors(natoms: int, nnei: int, nslots: int, ntypes: int) -> Neighbors:
    """Neighbors as dense as in a liquid, none closer than 0.9 Å."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(natoms, nslots, 3))
    distances = rng.uniform(0.9**3, SETTINGS.rcut**3, (natoms, nslots, 1)) ** (1 / 3)
    edge_vec = directions * (distances / np.linalg.norm(directions, axis=-1, keepdims=True))
    weights = rng.permuted(np.tile(np.arange(nslots) < nnei, (natoms, 1)).astype(np.float64), axis=1)
    edge_vec = np.where(weights[..., None] > 0, edge_vec, SETTINGS.rcut + 1.0)
    shift = np.tile([DAVG, 0.0, 0.0, 0.0], (natoms, 1, 1))
    types = np.tile(np.arange(nslots) * ntypes // nslots, (natoms, 1))
    given = edge_vec, weights, types, shift, np.full((natoms, 1, 4), 1.0 / DSTD)
    return Neighbors(*map(arrays.from_numpy, given))


def by_nets(nets: Sequence[EmbeddingNetwork], near: Neighbors, edge_vec: Tensor) -> Tensor:
    """Each net of the neighbors of its type, which stand side by side."""
    raw, _, _ = edge_rows(edge_vec, SETTINGS)
    rows = (raw - near.shift) * near.scale
    widths = torch.bincount(near.types[0]).tolist()
    blocks = zip(nets, rows.split(widths, 1), near.weights.split(widths, 1), strict=True)
    return sum((block * weights[..., None]).mT @ net(block[..., :1]) for net, block, weights in blocks)


def by_matrices(nets: Sequence[EmbeddingNetwork], near: Neighbors, edge_vec: Tensor, basis: ops.Basis) -> Tensor:
    """A C, on the kernels unless ``DP_PLAIN_OPS=1``."""
    geometry = edge_vec, near.weights, near.types if len(nets) > 1 else None, near.shift, near.scale
    a = ops.environment_moments(*geometry, settings=SETTINGS, basis=basis, nsegments=len(nets))
    coefficients = torch.cat([matrix.matrix(net, basis, near.shift) for net in nets])
    return a.flatten(2) @ coefficients


def times(moments: Callable[[Tensor], Tensor], near: Neighbors, parameters: list[Tensor]) -> np.ndarray:
    """Processor time of the moments, their gradient, and the gradient of a loss of both [ms]."""
    clock = [time.process_time()]
    edge_vec = near.edge_vec.detach().requires_grad_()
    found = moments(edge_vec)
    clock.append(time.process_time())
    gradient = torch.full_like(found, 0.5).requires_grad_()
    (force,) = torch.autograd.grad(found, edge_vec, gradient, create_graph=True)
    clock.append(time.process_time())
    torch.autograd.grad([found, force], [gradient, *parameters], [torch.ones_like(found), force.detach()])
    clock.append(time.process_time())
    return 1e3 * np.diff(clock)


def main() -> None:
    """Print a line for each form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"natoms": 192, "nnei": 86, "slots": 138, "types": 1, "degree": 16, "threads": 1, "rounds": 20}
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rng = np.random.default_rng(1)
    nets = [EmbeddingNetwork.initial(rng, 1, [25, 50, 100]) for _ in range(given.types)]
    low, high = matrix.input_range(np.array([DAVG]), np.array([DSTD]), SETTINGS)
    basis = matrix.find_basis(
        lambda s: np.concatenate([net(s[:, None]) for net in nets], axis=1), low, high, degree=given.degree
    )
    print(f"{basis.nintervals} intervals of {basis.degree} from {low:.2f} to {high:.2f}")
    trained = [map_leaves(net, lambda _, array: torch.tensor(array).requires_grad_()) for net in nets]
    parameters = [leaf.array for net in trained for leaf in leaves(net)]
    near = make_neighbors(given.natoms, given.nnei, given.slots, given.types)
    forms = {
        "net": lambda vec: by_nets(trained, near, vec),
        "matrix, plain": lambda vec: by_matrices(trained, near, vec, basis),
        "matrix, kernels": lambda vec: by_matrices(trained, near, vec, basis),
    }
    for name, moments in forms.items():
        os.environ["DP_PLAIN_OPS"] = "0" if "kernels" in name else "1"
        best = np.min([times(moments, near, parameters) for _ in range(given.rounds)], axis=0)
        print(f"{name:16}", "  ".join(f"{each:8.2f}" for each in [*best, best.sum()]), "ms")


if __name__ == "__main__":
    main()
