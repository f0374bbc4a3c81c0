# SPDX-License-Identifier: LGPL-3.0-or-later
"""The array namespace of whatever library the arrays come from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

import array_api_compat
import numpy as np

from deepmd_dp.dialect.array import Array, Namespace, Shaped

if TYPE_CHECKING:
    from types import ModuleType


_registered: dict[type, ModuleType] = {}


def register_namespace(array_type: type, namespace: ModuleType) -> None:
    """Use `namespace` for arrays of this type (and its subtypes) instead of array-api-compat's.

    A backend calls it for a library that array-api-compat does not know, or where single
    functions of its namespace must differ, for instance under tracing.
    """
    _registered[array_type] = namespace
    _namespace_of_type.cache_clear()


@cache
def _namespace_of_type(array_type: type) -> ModuleType | None:
    return next((_registered[base] for base in array_type.__mro__ if base in _registered), None)


def _registered_namespace(array: Array) -> ModuleType | None:
    return _namespace_of_type(type(array))


def array_namespace(array: Array) -> Namespace:
    """The functions of the Array API standard for this array."""
    return cast("Namespace", _registered_namespace(array) or array_api_compat.array_namespace(array))


def shape(array: Array) -> tuple[Any, ...]:
    """Sizes of an array, usable in reshape and broadcast_to also where they are known at run time only.

    A namespace whose sizes may be unknown while tracing (TensorFlow, Paddle) brings its own ``shape``.
    """
    xp = array_namespace(array)
    return cast("tuple[Any, ...]", xp.shape(array)) if hasattr(xp, "dynamic_shape") else tuple(array.shape)


def constant(value: Shaped[np.ndarray, "*axes"], like: Array) -> Shaped[Array, "*axes"]:
    """A NumPy array as a constant beside `like`: same library, dtype and device."""
    xp = array_namespace(like)
    return xp.asarray(value, dtype=like.dtype, device=device(like))


def device(array: Array) -> Any:
    """Device of an array; None where its library has no devices. A registered namespace brings its own `device`."""
    registered = _registered_namespace(array)
    return array_api_compat.device(array) if registered is None else registered.device(array)
