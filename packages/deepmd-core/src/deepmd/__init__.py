# SPDX-License-Identifier: LGPL-3.0-or-later
"""Deep Potential models: what a model is, and all that needs no deep-learning framework."""

from __future__ import annotations

import sys
from os.path import dirname, join
from typing import TYPE_CHECKING, Any

from deepmd.kit_names.inside import InsideFinder
from deepmd.version import core_version

if TYPE_CHECKING:
    from deepmd.infer import DeepEval

__all__ = ["DeepPotential", "__version__"]

# modules that deepmd-kit has and we have not under this name, such as deepmd.common
__path__.append(join(dirname(__file__), "kit_names"))
# what is said of those that are nowhere
sys.meta_path.append(InsideFinder)


def DeepPotential(*args: Any, **kwargs: Any) -> DeepEval:
    """The same as `deepmd.infer.DeepEval`, which is imported when this is called, so that `dp -h` stays quick."""
    from deepmd import infer

    return infer.DeepPotential(*args, **kwargs)


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module 'deepmd' has no attribute {name!r}")
    return core_version()
