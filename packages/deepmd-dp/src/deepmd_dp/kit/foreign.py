# SPDX-License-Identifier: LGPL-3.0-or-later
"""Model files of deepmd-kit with endings that are ours too: they are not damaged, and most can be carried over."""

from __future__ import annotations

from pathlib import Path

from deepmd.errors import ModelFileError

_BY_DP = "`dp convert-backend {name} model.dp` in deepmd-kit, and here the same command with model.dp"
_WAYS = {
    ".pth": _BY_DP,
    ".pt": _BY_DP,
    ".pb": _BY_DP,
    ".jax": _BY_DP,
    ".meta": "`dp freeze` in deepmd-kit, there `dp convert-backend frozen_model.pb model.dp`, and here the same with "
    "model.dp",
    ".hlo": "`dp convert-backend {name} model.dp` here, which reads such files",
    ".savedmodel": "freezing the checkpoint in deepmd-kit as model.hlo, which `dp convert-backend` reads here",
}
_NONE = "no command, since deepmd-kit (3.2) cannot turn files of its Paddle backend into others"


def not_ours(path: str | Path, by: str) -> ModelFileError:
    """The error for a file of deepmd-kit or another program; says how it is carried over.

    Parameters
    ----------
    path : str or Path
    by : str
        What the file is not, such as ``frozen by deepmd-pt``.
    """
    path = Path(path)
    way = _WAYS.get(path.suffix, _NONE).format(name=path.name)
    return ModelFileError(f"{path} was not {by}; a {path.suffix} of deepmd-kit is carried over by {way}.")
