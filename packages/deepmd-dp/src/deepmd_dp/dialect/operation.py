# SPDX-License-Identifier: LGPL-3.0-or-later
"""How an operation has a plain form and, in a backend, a faster one."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from deepmd_dp.dialect.array import Array
from deepmd_dp.dialect.array_api import array_namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import ParamSpec

    P = ParamSpec("P")
    Result = TypeVar("Result")

    class Operation(Protocol[P, Result]):
        """A function with the plain form beside it."""

        plain: Callable[P, Result]

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result: ...


_overrides: dict[tuple[str, str], Callable[..., Any]] = {}


LINEAR = ("gather_rows", "scatter_add")
"""Each is the derivative of the other, in kernels too: they are derived as often as one likes."""
_is_plain: ContextVar[bool] = ContextVar("is_plain", default=False)


@contextmanager
def plain_forms() -> Iterator[None]:
    """Within it operations take their plain forms, which can be derived as often as one likes."""
    token = _is_plain.set(True)
    try:
        yield
    finally:
        _is_plain.reset(token)


def override(name: str, namespace: Any, kernel: Callable[..., Any]) -> None:
    """Run `kernel` instead of the plain form of the operation for the arrays of a namespace."""
    _overrides[name, namespace.__name__] = kernel


def operation(plain: Callable[P, Result]) -> Operation[P, Result]:
    """The plain form, as a function that runs a backend's kernel where there is one; `.plain` is the form itself."""

    @wraps(plain)
    def operation(array: Array, *args: Any, **kwargs: Any) -> Any:
        kernel: Callable[..., Any] = plain
        if plain.__name__ in LINEAR or not _is_plain.get():
            kernel = _overrides.get((plain.__name__, array_namespace(array).__name__), plain)
        return kernel(array, *args, **kwargs)

    operation.plain = plain  # type: ignore[attr-defined]  # a function takes any attribute
    return cast("Operation[P, Result]", operation)
