# SPDX-License-Identifier: LGPL-3.0-or-later
"""Checkpoints `.pt`: a dict of tensors and plain values that `torch.load(weights_only=True)` reads.

The digest of the file is the comment of the zip archive that it is.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepmd.contract import map_arrays
from deepmd.contract.digest import BLANK, KEY, check_digest, hashed_members, seal
from deepmd.errors import ModelFileError, first_line
from deepmd.files.patient import patient_file
from deepmd.files.pickles import check_pickle
from deepmd.files.plain import check_plain
from deepmd.files.reading import open_archive
from deepmd.train.trainer import TrainingState
from deepmd_dp.kit.foreign import not_ours

_COMMENT = len(BLANK).to_bytes(2, "little") + BLANK.encode()
"""What ends a zip archive, in the place of the length 0 of no comment."""
_TENSORS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")
"""All that its pickle may name."""


def write(path: str, state: TrainingState) -> None:
    """Writes the state; arrays become tensors, all else stays plain."""
    tree = {
        "format": TrainingState.FORMAT,
        "model": map_arrays(state.model, _as_tensor),
        "optimizer": {name: _as_tensor(array) for name, array in state.optimizer.items()},
        "step": state.step,
        "loop": state.loop,
    }
    with patient_file(path) as file:
        torch.save(tree, file)
    with open(path, "r+b") as archive:
        archive.seek(-2, io.SEEK_END)
        archive.write(_COMMENT)
    seal(path, hashed=hashed_members(path))  # torch has hashed its arrays


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
    # torch's old format, not an archive, would make tensors of bytes yet to come
    with open_archive(io.BytesIO(content), path) as members:
        pickles = [name for name in members.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ModelFileError(f"{path} is a zip archive, but no checkpoint: it has no data.pkl.")
        check_pickle(members.read(pickles[0]), _TENSORS, path)
    try:
        data = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler lets pass whatever foreign bytes raise
        reason = first_line(error).partition(". In PyTorch")[0]  # torch goes on to advise to run the file's code
        raise ModelFileError(
            f"{path} cannot be read as a checkpoint ({reason}); it is damaged or of another program."
        ) from error
    if not isinstance(data, dict) or data.get("format") != TrainingState.FORMAT:
        raise not_ours(path, "written by deepmd-pt")
    check_plain(data, path, ModelFileError, others=(torch.Tensor,), most=len(content))
    state = TrainingState.of_tree(_as_arrays(data), path)
    state.model[KEY] = digest
    return state


def _as_tensor(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.require(array, requirements="CW"))


def _as_arrays(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _as_arrays(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_as_arrays(value) for value in tree]
    if isinstance(tree, torch.Tensor) and not tree.is_contiguous():
        raise ModelFileError(f"a tensor of shape {list(tree.shape)} has fewer numbers than places; it is damaged.")
    return tree.numpy() if isinstance(tree, torch.Tensor) else tree
