# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp freeze`: the model of a checkpoint as a file for inference, which then proves itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from deepmd.backend.discovery import backend_of_file, find_backend, model_to_write
from deepmd.contract.self_test import describe
from deepmd.entrypoints.convert_backend import convert
from deepmd.train.checkpoint import find_checkpoint

if TYPE_CHECKING:
    from argparse import Namespace

log = logging.getLogger(__name__)


def run(args: Namespace) -> None:
    """Runs the sub-command."""
    freeze(args.checkpoint_folder, args.output, args.backend)


def freeze(checkpoint: str | Path = ".", output: str = "frozen_model", backend: str | None = None) -> Path:
    """Writes a model file whose self-test holds what the checkpoint's own backend gives.

    Parameters
    ----------
    checkpoint : str or Path
        A checkpoint, its name without ending, or a folder with the text file ``checkpoint``.
    output : str
        The model file. Its ending picks the format; without one, the backend's first ending is added.
    backend : str, optional
        Flag of the backend whose ending is added; default: the checkpoint's.

    Returns
    -------
    Path
        The model file.

    Raises
    ------
    ModelFileError
        If there is no checkpoint, or the file written gives other numbers than the checkpoint (it is removed).
    """
    wanted = find_backend(backend) if backend else None
    source = find_checkpoint(checkpoint, wanted.checkpoint_suffix if wanted else None)
    target = model_to_write(output, (wanted or backend_of_file(source)).suffixes[0], str(source))
    differences = convert(str(source), target)
    log.info("model of %s written: %s", source, target)
    log.info("self-test passed, largest differences: %s", describe(differences))
    return Path(target)
