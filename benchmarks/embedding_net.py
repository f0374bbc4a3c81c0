# SPDX-License-Identifier: LGPL-3.0-or-later
"""Time of the embedding net on PyTorch, its fused kernel against the plain form.

    python benchmarks/embedding_net.py --natoms 192 --nnei 86 --threads 2

The energy is that of DeepPot-SE up to its fitting net: each atom's moments M = Rᵀ G / nnei
(R has the net's input as its first column), D = Mᵀ M^<, energy = Σ D². Measured are the
energy, the energy with forces, and a training step's gradient of (energy, force) loss, with
the plain form, with the net's kernel and PyTorch's Rᵀ G, and with the kernel for both.
``--empty 0.4`` leaves that part of each atom's neighbors empty, as padded lists do.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import torch

from deepmd_dp.nn.network import EmbeddingNetwork, Layer
from deepmd_pt import ops

if TYPE_CHECKING:
    from torch import Tensor


def make_layers(widths: list[int], dtype: torch.dtype) -> list[Layer]:
    """Layers with random weights, as a model's first ones."""
    import numpy as np

    net = EmbeddingNetwork.initial(np.random.default_rng(1), widths[0], widths[1:])
    leaf = lambda a: None if a is None else torch.tensor(a, dtype=dtype).requires_grad_()  # noqa: E731
    return [
        Layer(w=leaf(e.w), b=leaf(e.b), idt=leaf(e.idt), activation_function="tanh", resnet=True) for e in net.layers
    ]


class Case(NamedTuple):
    """An environment matrix (natoms, nnei, 4), what is empty in it, and how its moments come about."""

    env: Tensor
    weights: Tensor
    layers: list[Layer]
    form: str

    def energy_of(self) -> Tensor:
        """Σ (Mᵀ M^<)² of all atoms."""
        x = self.env[..., :1]
        if self.form == "moments":
            moments = ops.embedding_moments(x, self.env, self.weights, self.layers)
        else:
            moments = (self.env * self.weights).mT @ ops.embedding_net(x, self.layers)
        moments = moments / self.env.shape[1]
        return ((moments.mT @ moments[..., :16]) ** 2).sum()


def energy(case: Case) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return (case.energy_of(),)


def energy_and_force(case: Case) -> tuple[Tensor, ...]:
    value = case.energy_of()
    return value.detach(), *torch.autograd.grad(value, case.env)


def training_gradient(case: Case) -> tuple[Tensor, ...]:
    value = case.energy_of()
    (force,) = torch.autograd.grad(value, case.env, create_graph=True)
    loss = value**2 + (force**2).sum()
    return torch.autograd.grad(loss, [t for e in case.layers for t in (e.w, e.b, e.idt) if t is not None])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--natoms", type=int, default=192)
    parser.add_argument("--nnei", type=int, default=86)
    parser.add_argument("--widths", type=int, nargs="+", default=[1, 25, 50, 100])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--empty", type=float, default=0.0)
    parser.add_argument("--float32", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = torch.float32 if args.float32 else torch.float64
    layers = make_layers(args.widths, dtype)
    env = torch.randn(args.natoms, args.nnei, 4, dtype=dtype, requires_grad=True)
    weights = torch.ones(args.natoms, args.nnei, 1, dtype=dtype)
    weights[:, round((1 - args.empty) * args.nnei) :] = 0
    if not ops.is_fused(env, layers):
        raise SystemExit("The fused kernel does not run here; the warning above says why.")
    print(f"{args.natoms} x {args.nnei} edges, {args.widths}, {dtype}, {args.threads} threads, shortest of")
    print(f"{args.repeats} [ms]; in brackets times faster than plain; largest relative difference to plain")
    forms = ("plain", "net", "moments")
    for run in (energy, energy_and_force, training_gradient):
        times, worst = dict.fromkeys(forms, float("inf")), 0.0
        for turn in range(args.repeats):  # in turns, so that all meet the same disturbances
            results = {}
            for form in forms:
                os.environ["DP_PLAIN_OPS"] = "1" if form == "plain" else "0"
                case = Case(env, weights, layers, form)
                start = time.perf_counter()
                results[form] = run(case)
                times[form] = min(times[form], time.perf_counter() - start)
            if turn == 0:
                worst = max(difference(results["plain"], results[form]) for form in forms)
        cells = "".join(f"{form:>9s}{1e3 * t:9.2f} ({times['plain'] / t:4.2f})" for form, t in times.items())
        print(f"{run.__name__:18s}{cells}   {worst:.0e}")


def difference(expected: tuple[Tensor, ...], actual: tuple[Tensor, ...]) -> float:
    """Largest difference, relative to the largest number of each tensor."""
    return max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(expected, actual, strict=True))


if __name__ == "__main__":
    main()
