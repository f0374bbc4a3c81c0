# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints `.pt`: a dict of tensors and plain values that `torch.load(weights_only=True)` reads.

The digest of the file is the comment of the zip archive that it is.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmd.contract import map_arrays
from deepmd.contract.digest import BLANK, KEY, check_digest, sealed
from deepmd.errors import ModelFileError, first_line
from deepmd.train.trainer import TrainingState

_COMMENT = len(BLANK).to_bytes(2, "little") + BLANK.encode()
"""What ends a zip archive, in the place of the length 0 of no comment."""


def write(path: str, state: TrainingState) -> None:
    """Writes the state; arrays become tensors, all else stays plain."""
    tree = {
        "format": TrainingState.FORMAT,
        "model": map_arrays(state.model, _as_tensor),
        "optimizer": {name: _as_tensor(array) for name, array in state.optimizer.items()},
        "step": state.step,
        "loop": state.loop,
    }
    buffer = io.BytesIO()
    torch.save(tree, buffer)
    buffer.seek(-2, io.SEEK_END)
    buffer.write(_COMMENT)
    Path(path).write_bytes(sealed(buffer.getvalue()))


def read(path: str) -> TrainingState:
    """Reads what `write` wrote.

    Raises
    ------
    ModelFileError
        The file is damaged, or another program's.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read as a checkpoint: {error.strerror}.") from error
    digest = check_digest(content, path)
    try:
        data = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler lets pass whatever foreign bytes raise
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({first_line(error)}); it is damaged or of another program."
        ) from error
    if not isinstance(data, dict) or data.get("format") != TrainingState.FORMAT:
        raise ModelFileError(
            f"{path} is not a checkpoint of deepmd-core; a checkpoint of deepmd-kit is carried over by "
            "freezing it there and `dp convert-backend frozen.pth model.dp` there."
        )
    optimizer = {name: tensor.numpy() for name, tensor in data["optimizer"].items()}
    return TrainingState({**_as_arrays(data["model"]), KEY: digest}, optimizer, data["step"], data["loop"])


def _as_tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _as_arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _as_arrays(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_as_arrays(value) for value in tree]
    return tree.numpy() if isinstance(tree, torch.Tensor) else tree
