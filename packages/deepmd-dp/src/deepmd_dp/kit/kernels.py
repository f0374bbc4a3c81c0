# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends' fused kernels share: how layers are handed over, where a library lies, when it is left out."""

from __future__ import annotations

import os
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deepmd_dp.dialect.module import Array

ACTIVATIONS = {"none": 0, "linear": 0, "tanh": 1, "relu": 2, "sigmoid": 3, "silu": 4, "gelu": 5, "gelu_tf": 5}
"""The activation functions that the kernels know, by their numbers in deepmd-cc's ``embedding_net.hpp``."""
SWITCH = "DP_PLAIN_OPS"
"""Environment variable; ``1`` leaves all kernels out."""

Spec = list[int]
"""For each layer: number of its activation, has a bias, has a time step, is residual."""


def are_wanted() -> bool:
    """Whether kernels may be used at all."""
    return os.environ.get(SWITCH) != "1"


def know(layers: Sequence[Any]) -> bool:
    """Whether the kernels can run these layers."""
    return bool(layers) and all(each.activation_function.lower() in ACTIVATIONS for each in layers)


def flatten_layers(layers: Sequence[Any]) -> tuple[Spec, list[Array]]:
    """The layers as the kernels take them: their kinds, and their arrays w, b, idt one after the other."""
    spec: Spec = []
    params: list[Array] = []
    for each in layers:
        kind = ACTIVATIONS[each.activation_function.lower()]
        spec += [kind, int(each.b is not None), int(each.idt is not None), int(each.resnet)]
        params += [array for array in (each.w, each.b, each.idt) if array is not None]
    return spec, params


def find_library(distribution: str, stem: str, package_folder: Path) -> Path:
    """Where the compiled library lies: beside the Python files, or, in an editable install, in site-packages.

    Raises
    ------
    OSError
        It is in neither place.
    """
    beside = sorted((package_folder / "lib").glob(f"{stem}.*"))
    if beside:
        return beside[0]
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name.startswith(f"{stem}."):
            return Path(str(file.locate()))
    raise OSError(f"{stem} is neither in {package_folder / 'lib'} nor among {distribution}'s installed files")


def warn_without_kernels(distribution: str, framework: str, reason: object) -> None:
    """The one warning of a backend whose library does not load; `framework` with its version."""
    warnings.warn(
        f"{distribution} runs without its fused kernels, which is slower: {reason}. Reinstall {distribution} for "
        f"this Python and {framework}, or set {SWITCH}=1 to keep the plain form without this warning.",
        RuntimeWarning,
        stacklevel=3,
    )
