# SPDX-License-Identifier: LGPL-3.0-or-later
"""What layers that pass messages have in common: neighbors' features, invariants of moments, how updates are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from deepmd.contract import take_array
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.dialect.precision import numpy_dtype
from deepmd_dp.environment.environment import Environment, NeighborBlock, neighbor_features

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

Residuals = tuple[Float[Array, "_"], ...]
"""The trained weights of updates, of the style `res_residual`."""
UPDATE_STYLES = ("res_avg", "res_incr", "res_residual")
RESIDUAL_STARTS = ("norm", "const")


def one_of(name: str, *choices: str) -> Callable[[str], str]:
    """How a setting of a few values is read."""

    def read(value: str) -> str:
        if value not in choices:
            raise ModelFileError(f"{name} {value!r} is unknown; expected one of {', '.join(choices)}.")
        return value

    return read


def gather_neighbors(
    features: Float[Array, "ncenters dim"], block: NeighborBlock, env: Environment
) -> Float[Array, "ncenters nnei dim"]:
    """Features of the neighbors, of features of all local atoms."""
    xp = array_namespace(features)
    size = features.shape[1]
    of_frames = xp.reshape(features, (*shape(env.atype), size))
    found = neighbor_features(of_frames, block, env)
    return xp.reshape(found, (-1, shape(block.nlist)[2], size))


def moment_invariants(
    moments: Float[Array, "ncenters 3 dim"], axis_neuron: int
) -> Float[Array, "ncenters axis_neuron*dim"]:
    """Σ_x m[x, a] m[x, b] / 3 for the first `axis_neuron` a and all b."""
    xp = array_namespace(moments)
    products = xp.matmul(xp.matrix_transpose(moments[..., :axis_neuron]), moments) * (1.0 / 3.0)
    return xp.reshape(products, (-1, axis_neuron * moments.shape[2]))


def combine(parts: Sequence[Float[Array, "*axes"]], residuals: Residuals, style: str) -> Float[Array, "*axes"]:
    """Features and their updates: `res_avg`, Σ / √N; `res_incr`, x + Σ u / √(N - 1); `res_residual`, x + Σ r u.

    Parameters
    ----------
    parts : sequence of arrays
        x, and the updates u; N in all.
    residuals : tuple of arrays
        r of each update.
    style : str
    """
    first, updates = parts[0], parts[1:]
    if not updates:
        return first
    if style == "res_residual":
        return sum((r * u for r, u in zip(residuals, updates, strict=True)), start=first)
    if style == "res_incr":
        return first + sum(updates[1:], start=updates[0]) * float(len(updates) ** -0.5)
    return sum(updates, start=first) * float(len(parts) ** -0.5)


def read_residuals(
    variables: Mapping[str, Any], sizes: Mapping[str, Sequence[int]], where: str
) -> dict[str, Residuals]:
    """Those of a layer's tree, by name, each vector of its width."""
    found: dict[str, Residuals] = {}
    for name, widths in sizes.items():
        arrays = dict(enumerate(variables[name]))
        found[name] = tuple(
            take_array({name: arrays.get(i)}, name, (width,), where=f"{where}, residual {i}")
            for i, width in enumerate(widths)
        )
    return found


def new_residuals(
    rng: np.random.Generator, sizes: Mapping[str, Sequence[int]], *, scale: float, start: str, precision: str
) -> dict[str, Residuals]:
    """First weights of these widths: `norm`, drawn with the deviation `scale`; `const`, all of this size."""

    def new(width: int) -> np.ndarray:
        values = np.full(width, scale) if start == "const" else rng.normal(0.0, scale, width)
        return values.astype(numpy_dtype(precision))

    return {name: tuple(new(width) for width in widths) for name, widths in sizes.items()}
