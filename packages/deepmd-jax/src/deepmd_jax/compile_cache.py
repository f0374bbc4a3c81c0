# SPDX-License-Identifier: LGPL-3.0-or-later
"""Compiled programs kept on disk, so that the next process need not compile them again."""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path

import jax

_LEAST_SECONDS = 0.3
"""What takes less to compile is not worth a file."""


@cache
def use_compile_cache() -> None:
    """Turn on JAX's persistent cache, in the user's cache folder.

    Whoever has chosen a folder (``JAX_COMPILATION_CACHE_DIR``, or JAX's configuration) keeps it,
    and without a folder that can be written there is no cache. A full disk leaves half of a program there, which JAX
    compiles anew each time: no news to the user, whose own files are what counts.
    """
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry", UserWarning)
    if jax.config.jax_compilation_cache_dir is not None:
        return
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepmd-jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", _LEAST_SECONDS)
