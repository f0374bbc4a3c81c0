# SPDX-License-Identifier: LGPL-3.0-or-later
"""What all backends' bindings of the kernels on Chebyshev moments share (deepmd-cc's ``moments.hpp``).

A kernel has three passes: the moments A, the transpose of their derivative, and their derivative along a direction.
The last two are linear, and each is the other's derivative; a backend puts its derivatives together of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd_dp.dialect.array import Array, Float, Shaped
from deepmd_dp.dialect.edge_rows import EnvSettings
from deepmd_dp.dialect.moments import Basis, chebyshev_moments, environment_moments

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[["MomentsCall", tuple[Array, ...], tuple[Array, ...]], Array]


class Pass(IntEnum):
    """What a kernel computes: A, from the gradient of A those of what A is derived by, or A's derivative along it."""

    FORWARD = 0
    TRANSPOSE = 1
    TANGENT = 2


class MomentsCall(NamedTuple):
    """All that a kernel is given besides arrays; hashable.

    The arrays are `derived`, by which A is derived, (edge_vec,) or (s, rows), and after them `fixed`, which are
    constants: (weights, shift, scale) or (), and the segments, where there are any.
    """

    basis: Basis
    columns: int
    nsegments: int
    has_segment: bool
    settings: EnvSettings | None = None
    switched: bool = False

    @property
    def numbers(self) -> list[float]:
        """The settings and the ends of the intervals."""
        env = self.settings
        head = (0.0, 0.0, 0.0) if env is None else (env.rcut, env.rcut_smth, env.protection)
        return [float(number) for number in (*head, *self.basis.bounds)]

    def counts(self, which: Pass) -> list[int]:
        """Sizes and choices, in the order of C++'s ``MomentsSpec``."""
        env = self.settings
        choices = (self.switched, env is not None, env is not None and env.use_exp_switch, self.has_segment, which)
        return [self.basis.degree, self.columns, self.nsegments, *map(int, choices)]

    @classmethod
    def of(cls, numbers: list[float], counts: list[int]) -> tuple[MomentsCall, Pass]:
        """The call and the pass of these numbers and counts."""
        degree, columns, nsegments, switched, is_environment, use_exp_switch, has_segment, which = counts
        rcut, rcut_smth, protection = numbers[:3]
        settings = EnvSettings(rcut, rcut_smth, protection, columns, bool(use_exp_switch)) if is_environment else None
        basis = Basis(tuple(numbers[3:]), degree)
        return cls(basis, columns, nsegments, bool(has_segment), settings, bool(switched)), Pass(which)

    @property
    def nderived(self) -> int:
        """How many arrays A is derived by."""
        return 2 if self.settings is None else 1

    @property
    def nfixed(self) -> int:
        """How many constant arrays there are."""
        return (0 if self.settings is None else 3) + self.has_segment

    def shape(self, n: Any) -> tuple[Any, ...]:
        """Of A for n atoms."""
        sums = (2, self.columns) if self.switched else (self.columns,)
        return (n, *sums, self.nsegments, self.basis.size)

    def plain(
        self, derived: Sequence[Float[Array, "ncenters nnei ..."]], fixed: Sequence[Shaped[Array, "ncenters ..."]]
    ) -> Float[Array, "ncenters *sums functions"]:
        """A by the plain form."""
        segment = fixed[-1] if self.has_segment else None
        sums: dict[str, Any] = {"basis": self.basis, "nsegments": self.nsegments}
        if self.settings is None:
            s, rows = derived
            return chebyshev_moments.plain(s, rows, segment, **sums)
        (edge_vec,), (weights, shift, scale) = derived, fixed[:3]
        sums |= {"settings": self.settings, "switched": self.switched}
        return environment_moments.plain(edge_vec, weights, segment, shift, scale, **sums)


def are_types_known(dtypes: Sequence[str], nderived: int) -> bool:
    """Whether the kernels take arrays of these types: displacements of double precision, all else of one type."""
    floats = [name for name in dtypes if name.startswith("float")]
    integers = [name for name in dtypes if name not in floats]
    if nderived == 1 and floats.pop(0) != "float64":
        return False
    return set(integers) <= {"int64", "int32"} and (set(floats) in ({"float64"}, {"float32"}))


def overrides(
    run: Run, can_run: Callable[[tuple[Array, ...], tuple[Array, ...]], bool]
) -> dict[str, Callable[..., Any]]:
    """The operations on moments by name, on a backend's kernels where `can_run` says so of the arrays."""

    def moments(call: MomentsCall, derived: tuple[Array, ...], fixed: tuple[Array | None, ...]) -> Array:
        given = tuple(array for array in fixed if array is not None)
        return run(call, derived, given) if can_run(derived, given) else call.plain(derived, given)

    def environment(
        edge_vec: Array,
        weights: Array,
        segment: Array | None,
        shift: Array,
        scale: Array,
        *,
        settings: EnvSettings,
        basis: Basis,
        nsegments: int = 1,
        switched: bool = False,
    ) -> Array:
        call = MomentsCall(basis, settings.columns, nsegments, segment is not None, settings, switched)
        return moments(call, (edge_vec,), (weights, shift, scale, segment))

    def general(s: Array, rows: Array, segment: Array | None, *, basis: Basis, nsegments: int = 1) -> Array:
        call = MomentsCall(basis, rows.shape[2], nsegments, segment is not None)
        return moments(call, (s, rows), (segment,))

    return {"environment_moments": environment, "chebyshev_moments": general}
