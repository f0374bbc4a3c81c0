# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is known of an array: what arrays of all libraries have in common, and by annotations its numbers and shape.

``Float[Array, "nframes nloc 3"]`` is an array of floating-point numbers with these axes, in the words of jaxtyping.
To Python and to type checkers it is the array alone; deepmd-dp's tests execute it, so that what an annotation says
holds (decision record 0015). In a call each name stands for one length:

=====================  ================================================================================================
nframes, natoms        frames of a batch, atoms of a frame
nloc, nall             local atoms of a frame, and those with their ghosts
ncenters               nframes * nloc, where all local atoms stand in one row
nnei, nedges           slots of a neighbor list or of a block of it; neighbors of all atoms in one row
nslots                 slots of the contract's list, where the statistics differ from slot to slot
nrows                  rows that are taken or summed by their indices
ntypes                 types
columns                of the environment matrix: 4, or 1
width                  numbers that an embedding net gives for an edge, M in equations
functions              Chebyshev polynomials of a basis, Q in equations
nin, nout              numbers that a layer or a net takes and gives
dim, nvectors          numbers that stand for a type or describe an atom, and vectors that do
g1_dim, g2_dim, nhead  features of an atom and of an edge where messages are passed, heads of attention
n_dim, e_dim, a_dim    features of an atom, of an edge, and of the angle of two edges
nnear                  slots of the nearest neighbors, between whose edges there are angles
nfparam, naparam       frame and atomic parameters
noutputs, ncomponents  outputs of a model, components of an output
=====================  ================================================================================================

``n`` and ``m`` are of no further meaning, ``_`` is any length, a number the length itself, ``#n`` n or 1, ``*axes`` any
number of axes. An integer argument or setting is the length of the axis of its name, such as ``nsegments``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast
from typing import Annotated as Bool
from typing import Annotated as Float
from typing import Annotated as Int
from typing import Annotated as Shaped  # numbers of any kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Array", "AtomParameters", "Bool", "Float", "FrameParameters", "Int", "Namespace", "Shaped", "total"]


class Array(Protocol):
    """An array of the Array API standard, of any library; functions are those of its namespace.

    Left out is what some library's arrays lack, such as methods that are functions of the standard.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes; see `deepmd_dp.dialect.array_api.shape` for where they may be unknown."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the numbers, of the array's library."""
        ...

    @property
    def ndim(self) -> int:
        """Number of axes."""
        ...

    def __getitem__(self, key: Any, /) -> Array: ...
    def __float__(self) -> float: ...
    def __int__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __neg__(self) -> Array: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __floordiv__(self, other: Any, /) -> Array: ...
    def __mod__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, /) -> Array: ...
    def __rpow__(self, other: Any, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...


class Namespace(Protocol):
    """The functions on a library's arrays: which ones is found at run time, and all are taken to give an array."""

    __name__: str

    def __getattr__(self, name: str, /) -> Callable[..., Array]: ...


FrameParameters = Float[Array, "nframes nfparam"] | None
AtomParameters = Float[Array, "nframes nloc naparam"] | None
"""What a fitting takes beside the description; None: it takes none, or its default."""


def total(arrays: Iterable[Array]) -> Array:
    """Their sum; for type checkers, to whom the sum of none is a number."""
    return cast("Array", sum(arrays))
