# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints `.pt`: a dict of tensors and plain values that `torch.load(weights_only=True)` reads."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmd.contract import map_arrays
from deepmd.errors import ModelFileError, first_line
from deepmd.files.plain import check_plain
from deepmd.train.trainer import TrainingState
from deepmd_dp.kit.foreign import not_ours
from deepmd_pt.checked_pickle import check_checkpoint

_FORMAT = "deepmd-core training state"


def write(path: str, state: TrainingState) -> None:
    """Writes the state; arrays become tensors, all else stays plain."""
    torch.save(
        {
            "format": _FORMAT,
            "model": map_arrays(state.model, _as_tensor),
            "optimizer": {name: _as_tensor(array) for name, array in state.optimizer.items()},
            "step": state.step,
            "loop": state.loop,
        },
        path,
    )


def read(path: str) -> TrainingState:
    """Reads what `write` wrote.

    Raises
    ------
    ModelFileError
        The file is damaged, or another program's.
    """
    try:
        content = Path(path).read_bytes()
        check_checkpoint(content, path)
        data = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except ModelFileError:
        raise
    except Exception as error:  # torch's unpickler lets pass whatever foreign bytes raise
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({first_line(error)}); it is damaged or of another program."
        ) from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise not_ours(path, "written by deepmd-pt")
    check_plain(data, path, ModelFileError, others=(torch.Tensor,), most=len(content))
    return TrainingState.of_tree(_as_arrays(data), path)


def _as_tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _as_arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _as_arrays(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_as_arrays(value) for value in tree]
    if isinstance(tree, torch.Tensor) and not tree.is_contiguous():
        raise ModelFileError(f"a tensor of shape {list(tree.shape)} has fewer numbers than places; it is damaged.")
    return tree.numpy() if isinstance(tree, torch.Tensor) else tree
