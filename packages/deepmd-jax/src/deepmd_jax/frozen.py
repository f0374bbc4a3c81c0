# SPDX-License-Identifier: LGPL-3.0-or-later
"""Model files of all kinds, told apart by their endings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError
from deepmd_dp.kit.state_file import read_state
from deepmd_jax import saved_model, stablehlo
from deepmd_jax.of_kit import is_of_kit, read_document

if TYPE_CHECKING:
    from types import ModuleType

_KINDS = {".hlo": stablehlo, ".xlo": stablehlo, ".savedmodel": saved_model}
Graph = stablehlo.Graph | saved_model.Graph


def write(path: str, document: dict) -> None:
    """Freezes the model of a document; the ending says how.

    Raises
    ------
    ModelFileError
        The ending is `.jax`: a checkpoint is written by training only.
    """
    if not is_frozen(path):
        raise ModelFileError(
            f"{path}: JAX models are written as {', '.join(_KINDS)}; .jax is the ending of training checkpoints."
        )
    _module_of(path).write(str(path), document)


def is_frozen(path: str) -> bool:
    """Whether the ending is that of a frozen model."""
    return Path(path).suffix in _KINDS


def has_graph(path: str) -> bool:
    """Whether a file has a graph that we run; a checkpoint has none, nor a model of deepmd-kit."""
    return is_frozen(path) and not is_of_kit(path)


def load(path: str) -> Graph:
    """The graph of a frozen model."""
    return _module_of(path).Graph(str(path))


def read_any(path: str) -> dict:
    """The document of a frozen model or of a checkpoint."""
    if not is_frozen(path):
        return read_state(path).model
    if is_of_kit(path):
        return read_document(path)
    return _module_of(path).read(str(path)).document


def _module_of(path: str) -> ModuleType:
    return _KINDS[Path(path).suffix]
