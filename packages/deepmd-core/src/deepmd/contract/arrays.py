# SPDX-License-Identifier: LGPL-3.0-or-later
"""The arrays of a serialized model: visiting, replacing, counting and checking them.

A model is a tree of dicts, lists and plain values. Arrays stand below a key ``@variables`` only,
as its values or in lists there; anything else below that key (``None`` for an absent bias) is a plain value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from deepmd.errors import ModelFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

VARIABLES = "@variables"
REFERENCE = "@array"


def is_array(value: Any) -> bool:
    """Whether the value is an array or a scalar of NumPy."""
    return isinstance(value, np.ndarray | np.generic)


def plain_array(value: Any) -> np.ndarray:
    """The value as a C-ordered array of a NumPy number type, with its shape kept.

    bfloat16, which NumPy lacks and HDF5 reads back as two raw bytes, becomes float32: that is exact,
    and the module's ``precision`` still says bfloat16.
    """
    array = np.asarray(value)
    if array.dtype.name == "bfloat16" or array.dtype == np.dtype("V2"):
        high_half = np.frombuffer(array.tobytes(), dtype=np.uint16).astype(np.uint32)
        return (high_half << 16).view(np.float32).reshape(array.shape)
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C", copy=None)


def walk_arrays(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, np.ndarray]]:
    """Each array below ``@variables`` with its path, depth first in insertion order.

    The path joins the keys and list positions with dots, ``@variables`` left out:
    ``descriptor.embeddings.networks.0.layers.1.w``.
    """
    if is_array(tree) and VARIABLES in path:
        yield ".".join(key for key in path if key != VARIABLES), np.asarray(tree)
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield from walk_arrays(value, (*path, str(key)))
    elif isinstance(tree, list | tuple):
        for position, value in enumerate(tree):
            yield from walk_arrays(value, (*path, str(position)))


def map_arrays(tree: Any, function: Callable[[np.ndarray], Any]) -> Any:
    """A copy of the tree with each array replaced by ``function(array)``.

    NumPy scalars outside ``@variables`` become Python numbers and tuples become lists,
    so that what is left can be written as JSON or YAML.
    """
    return map_variables(tree, function, is_array)


def map_variables(
    tree: Any, function: Callable[[Any], Any], chosen: Callable[[Any], bool], inside: bool = False
) -> Any:
    """A copy of the tree with each value below ``@variables`` for which ``chosen`` holds replaced.

    The readers use it to put arrays where a file's tree has references to them.
    """
    if inside and chosen(tree):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_variables(value, function, chosen, inside or key == VARIABLES) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [map_variables(value, function, chosen, inside) for value in tree]
    return tree.item() if isinstance(tree, np.generic) else tree


def without_arrays(tree: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """The tree with ``{"@array": NAME}`` in the place of each array, and the arrays by these names, their paths."""
    arrays = {name: plain_array(array) for name, array in walk_arrays(tree)}
    names = iter(arrays)
    return map_arrays(tree, lambda _: {REFERENCE: next(names)}), arrays


def with_arrays(tree: Any, arrays: Mapping[str, np.ndarray], source: str) -> Any:
    """The inverse of `without_arrays`; ``source`` names the file in messages.

    Raises
    ------
    ModelFileError
        Where an array is missing.
    """

    def take(reference: dict[str, str]) -> np.ndarray:
        if reference[REFERENCE] not in arrays:
            raise ModelFileError(f"{source}: the array {reference[REFERENCE]} is missing; write the file again.")
        return arrays[reference[REFERENCE]]

    return map_variables(tree, take, lambda value: isinstance(value, dict) and REFERENCE in value)


def count_arrays(tree: Any) -> int:
    """How many numbers all the arrays of the tree hold."""
    return sum(array.size for _, array in walk_arrays(tree))


@overload
def take_array(
    variables: dict[str, Any], key: str, shape: Sequence[int], *, where: str, optional: Literal[False] = False
) -> np.ndarray: ...


@overload
def take_array(
    variables: dict[str, Any], key: str, shape: Sequence[int], *, where: str, optional: bool
) -> np.ndarray | None: ...


def take_array(
    variables: dict[str, Any],
    key: str,
    shape: Sequence[int],
    *,
    where: str,
    optional: bool = False,
) -> np.ndarray | None:
    """The array ``variables[key]``, checked.

    Parameters
    ----------
    variables : dict
        What stands below a module's ``@variables``.
    key : str
        Name of the array.
    shape : sequence of int
        The shape expected; -1 stands for any size.
    where : str
        The module, for the message: ``descriptor.embeddings.networks.0.layers.1``.
    optional : bool
        Whether the array may be absent or null; the result is then None.

    Raises
    ------
    ModelFileError
        Where the array is missing, is no array of numbers, or has another shape.
    """
    value = variables.get(key)
    if value is None:
        if optional:
            return None
        raise ModelFileError(f"{where}: array `{key}` is missing; the model file is incomplete, write it again.")
    array = plain_array(value)
    expected = tuple(shape)
    fits = array.ndim == len(expected) and all(
        want in (-1, size) for want, size in zip(expected, array.shape, strict=True)
    )
    if array.dtype.kind == "f" and array.dtype.name not in ("float64", "float32"):
        raise ModelFileError(
            f"{where}: array `{key}` is {array.dtype}, which is not supported; use float32 or float64."
        )
    if not fits or array.dtype.kind not in "fiub":
        wanted = str(expected).replace("-1", "any")
        raise ModelFileError(
            f"{where}: array `{key}` is {array.dtype}{list(array.shape)} where numbers of shape {wanted} belong; "
            "the model file is damaged or was written by another program, write it again."
        )
    return array


def check_class(data: Any, name: str, lowest: float, highest: float) -> None:
    """Checks that a module's dict is of the class and of a version that we read.

    Parameters
    ----------
    data : dict
        The module's tree.
    name : str
        Its ``@class``: ``Layer``, ``Descriptor``, …
    lowest, highest : float
        The versions accepted. A module without ``@version`` counts as version 1.

    Raises
    ------
    ModelFileError
        Where the class is another one, or the version is older or newer.
    """
    found = data.get("@class") if isinstance(data, dict) else type(data).__name__
    if found != name:
        raise ModelFileError(f"the model has {found!r} where a {name!r} belongs; it is not of a kind that we read.")
    version = data.get("@version", 1)
    title = f"{name} {data['type']!r}" if "type" in data else name
    if version > highest:
        raise ModelFileError(
            f"{title} has version {version}, written by a newer version of the software; "
            f"we read up to {highest}: upgrade deepmd-core and its backends."
        )
    if version < lowest:
        raise ModelFileError(
            f"{title} has version {version}, older than {lowest}; convert the model with the version that wrote it."
        )
