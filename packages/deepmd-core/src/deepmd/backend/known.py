# SPDX-License-Identifier: LGPL-3.0-or-later
"""The project's own backends, installed or not: so that asking for a missing one says what to install."""

from __future__ import annotations

from typing import NamedTuple


class KnownBackend(NamedTuple):
    """What is known of a backend without its package."""

    flags: tuple[str, ...]
    """Names on the command line; the first is the entry point's."""
    name: str
    distribution: str
    suffixes: tuple[str, ...]
    """Endings of its models and checkpoints."""


KNOWN = (
    KnownBackend(("pt", "pytorch"), "PyTorch", "deepmd-pt", (".pth", ".pt")),
    KnownBackend(("tf", "tensorflow"), "TensorFlow", "deepmd-tf", (".pb", ".meta", ".index", ".data-00000-of-00001")),
    KnownBackend(("jax",), "JAX", "deepmd-jax", (".savedmodel", ".hlo", ".xlo", ".jax")),
    KnownBackend(("pd", "paddle"), "Paddle", "deepmd-pd", (".json", ".pdiparams", ".pd")),
    KnownBackend(("dp", "dpmodel", "np", "numpy"), "DP (NumPy)", "deepmd-dp", (".dp", ".yaml", ".yml", ".safetensors")),
)


def known_backend(flag: str) -> KnownBackend | None:
    """The known backend with this name."""
    return next((known for known in KNOWN if flag in known.flags), None)


def known_reader(suffix: str) -> KnownBackend | None:
    """The known backend whose files have this ending."""
    return next((known for known in KNOWN if suffix in known.suffixes), None)
