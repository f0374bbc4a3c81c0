# SPDX-License-Identifier: LGPL-3.0-or-later
"""Calls of the operations on Chebyshev moments, for tests that hold a backend's kernels to the plain forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.array import Float, Shaped

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike

_ENVIRONMENT = {"settings": ops.EnvSettings(rcut=4.0, rcut_smth=1.0), "switched": False}
_BASIS = ops.Basis((-1.0, 0.2, 2.0, 4.0))
"""Some of the edges are beyond its ends."""
KINDS: dict[str, dict[str, Any]] = {
    "environment": _ENVIRONMENT,
    "segments": _ENVIRONMENT | {"nsegments": 2},
    "slots": _ENVIRONMENT | {"slots": True},
    "switched": _ENVIRONMENT | {"switched": True, "nsegments": 2},
    "radial": _ENVIRONMENT | {"settings": ops.EnvSettings(4.0, 1.0, columns=1)},
    "exponential": {"settings": ops.EnvSettings(4.0, 1.0, 0.1, use_exp_switch=True), "switched": True},
    "degree": _ENVIRONMENT | {"basis": _BASIS._replace(degree=6)},
    "general": {},
    "general segments": {"nsegments": 3},
}
"""By their names, what makes them differ."""


class MomentsCase(NamedTuple):
    """A call ``operation(*derived, *constants, **keywords)``, of NumPy's arrays and None."""

    operation: str
    derived: tuple[Float[np.ndarray, "ncenters nnei ..."], ...]
    constants: tuple[Shaped[np.ndarray, "ncenters ..."] | None, ...]
    keywords: dict[str, Any]

    def forms(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The operation, and its plain form."""
        operation = getattr(ops, self.operation)
        return operation, operation.plain

    def coefficients(self) -> Float[np.ndarray, "ncenters *sums columns functions"]:
        """Random numbers of the shape of A, so that the products with A's numbers are about 1 and less."""
        moments = self.forms()[1](*self.derived, *self.constants, **self.keywords)
        largest = np.abs(moments).max() if moments.size else 1.0
        numbers = np.random.default_rng(1).normal(size=moments.shape) / max(largest, 1e-30)
        coefficients: np.ndarray = numbers.astype(moments.dtype)
        return coefficients


def make_case(kind: str, n: int = 4, nnei: int = 9, dtype: DTypeLike = np.float64) -> MomentsCase:
    """A case of `KINDS` with random arrays."""
    rng = np.random.default_rng(0)
    keywords: dict[str, Any] = {"basis": _BASIS, "nsegments": 1} | KINDS[kind]
    slots = keywords.pop("slots", False)
    is_general = "settings" not in keywords
    segment = rng.integers(-1 if is_general else 0, keywords["nsegments"], (n, nnei))
    segments = segment if "nsegments" in KINDS[kind] else None
    if is_general:
        arrays = rng.normal(size=(n, nnei)) * 3.0, rng.normal(size=(n, nnei, 3))
        return MomentsCase("chebyshev_moments", tuple(a.astype(dtype) for a in arrays), (segments,), keywords)
    shape = (n, nnei if slots else 1, keywords["settings"].columns)
    random = rng.integers(0, 2, (n, nnei)), rng.normal(size=shape) * 0.1, rng.uniform(2.0, 4.0, shape)
    weights, shift, scale = (np.asarray(array, dtype=dtype) for array in random)
    directions = rng.normal(size=(n, nnei, 3))
    edge_vec = directions * (rng.uniform(0.6, 5.0, (n, nnei, 1)) / np.linalg.norm(directions, axis=-1, keepdims=True))
    return MomentsCase("environment_moments", (edge_vec,), (weights, segments, shift, scale), keywords)


def assert_agree(
    actual: Sequence[Float[np.ndarray, "..."]], expected: Sequence[Float[np.ndarray, "..."]], tolerance: float
) -> None:
    """Each array agrees to a part of its largest number."""
    for mine, theirs in zip(actual, expected, strict=True):
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        largest = float(np.abs(theirs).max()) if theirs.size else 0.0
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=tolerance * largest + 1e-300)
