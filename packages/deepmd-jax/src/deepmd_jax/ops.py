# SPDX-License-Identifier: LGPL-3.0-or-later
"""Operations of `deepmd_dp.dialect.ops` in forms that suit JAX, and on kernels where its arrays allow it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels, moments_call
from deepmd_jax import namespace
from deepmd_jax.device import device
from deepmd_jax.kernel_library import load_library
from deepmd_jax.moments import moments

if TYPE_CHECKING:
    from collections.abc import Iterator

_is_plain = ContextVar("is_plain", default=False)


@contextmanager
def plain_operations() -> Iterator[None]:
    """What is traced in this block has no kernel in it, as frozen files must run without our library."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)


def register_ops() -> None:
    """Make the models run on these, wherever they run on JAX's arrays."""
    plain_ops.override("scatter_add", namespace, scatter_add)
    for name, operation in moments_call.overrides(moments, can_run).items():
        plain_ops.override(name, namespace, operation)


def scatter_add(values: jax.Array, index: jax.Array, size: Any) -> jax.Array:
    """See `deepmd_dp.dialect.ops.scatter_add`; what has the index -1 goes to a last row that is cut off."""
    nframes, _, width = values.shape
    out = jnp.zeros((nframes, size + 1, width), values.dtype)
    return out.at[jnp.arange(nframes)[:, None], index].add(values)[:, :size]


def can_run(derived: tuple[jax.Array, ...], fixed: tuple[jax.Array, ...]) -> bool:
    """Whether the kernels can run on these: on the CPU, of known types, of sizes that are known."""
    arrays = (*derived, *fixed)
    return (
        kernels.are_wanted()
        and not _is_plain.get()
        and device().platform == "cpu"
        and all(isinstance(size, int) and size > 0 for each in arrays for size in each.shape)
        and moments_call.are_types_known([each.dtype.name for each in arrays], len(derived))
        and load_library()
    )
