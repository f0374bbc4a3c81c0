# SPDX-License-Identifier: LGPL-3.0-or-later
"""Model files `.mlx`: the contract's document as safetensors, which `mx.load(path, format="safetensors")` reads too."""

from __future__ import annotations

from pathlib import Path

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.state_file import read_state


def write(path: str, document: dict) -> None:
    """Writes a model file.

    Raises
    ------
    ModelFileError
        The ending is not `.mlx`.
    """
    if Path(path).suffix != ".mlx":
        raise ModelFileError(f"{path}: MLX models are written as .mlx; .mlxckpt is the ending of training checkpoints.")
    Path(path).write_bytes(document_to_bytes(document))


def read(path: str) -> dict:
    """The document of a model file or of a checkpoint.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, or another program's.
    """
    if Path(path).suffix == ".mlxckpt":
        return read_state(path).model
    try:
        return document_from_bytes(Path(path).read_bytes(), path)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error
