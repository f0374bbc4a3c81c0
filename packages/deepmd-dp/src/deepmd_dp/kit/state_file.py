# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints in the safetensors format, for backends whose framework has none of its own: no code runs on reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd.train import TrainingState
from deepmd_dp.kit.metadata import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMAT = "deepmd-core training state"


def write_state(path: str | Path, state: TrainingState) -> None:
    """Writes the whole state to a new file."""
    data = {
        "format": _FORMAT,
        "model": state.model,
        "optimizer": {"@variables": state.optimizer},
        "step": state.step,
        "loop": state.loop,
    }
    Path(path).write_bytes(document_to_bytes(data))


def digest_of_files(text: bytes, prefix: str, endings: Iterable[str]) -> bytes:
    """A digest of what one file holds and of those beside it, by which they are one checkpoint."""
    files = [(ending, Path(f"{prefix}{ending}").read_bytes()) for ending in endings]
    return digest_of([("text", text), *files]).encode()


def read_state(path: str | Path) -> TrainingState:
    """Reads what `write_state` wrote.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, or another program's.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read as a checkpoint: {error.strerror}.") from error
    data = document_from_bytes(content, f"the checkpoint {path}")
    if data.get("format") != _FORMAT:
        raise ModelFileError(f"{path} is not a checkpoint of deepmd-core; write it again by `dp train`.")
    optimizer = data.get("optimizer")
    arrays = optimizer.get("@variables") if isinstance(optimizer, dict) else None
    return TrainingState.of_tree({**data, "optimizer": arrays}, str(path))
