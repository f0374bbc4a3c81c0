# SPDX-License-Identifier: LGPL-3.0-or-later
"""Functions compiled for each set of sizes, of which a bounded number is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

from deepmd_dp.kit.programs import Programs

if TYPE_CHECKING:
    from collections.abc import Callable


class Compiled:
    """What ``jax.jit`` gives, without keeping all programs for ever.

    Parameters
    ----------
    function : callable
    **options
        As `jax.jit` has them.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        def new() -> Any:
            # JAX knows programs by the function that they are of: each gets one of its own
            return jax.jit(lambda *arguments, **settings: function(*arguments, **settings), **options)

        self.programs = Programs(new, lambda program: program.clear_cache())

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        key = tuple(getattr(leaf, "shape", leaf) for leaf in jax.tree.leaves((arguments, settings)))
        return self.programs[key](*arguments, **settings)
