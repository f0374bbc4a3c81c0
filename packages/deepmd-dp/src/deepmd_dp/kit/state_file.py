# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints in the safetensors format, for backends whose framework has none of its own: no code runs on reading."""

from __future__ import annotations

from pathlib import Path

from deepmd.contract import document_from_bytes, safetensors_file
from deepmd.contract.digest import KEY
from deepmd.errors import ModelFileError
from deepmd.train import TrainingState


def write_state(path: str | Path, state: TrainingState) -> None:
    """Writes the whole state to a new file."""
    data = {
        "format": TrainingState.FORMAT,
        "model": state.model,
        "optimizer": {"@variables": state.optimizer},
        "step": state.step,
        "loop": state.loop,
    }
    safetensors_file.write(path, data)


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
    if data.get("format") != TrainingState.FORMAT:
        raise ModelFileError(f"{path} is not a checkpoint of deepmd-core; write it again by `dp train`.")
    optimizer = data.get("optimizer")
    arrays = optimizer.get("@variables") if isinstance(optimizer, dict) else None
    return TrainingState.of_tree({**data, "optimizer": arrays, "model": {**data["model"], KEY: data[KEY]}}, str(path))
