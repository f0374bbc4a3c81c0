# SPDX-License-Identifier: LGPL-3.0-or-later
"""The document around a serialized model: who wrote it, when, from which input."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np

from deepmd.contract.schema import DOCUMENT, check_table
from deepmd.errors import ModelFileError
from deepmd.files.plain import check_plain
from deepmd.version import core_version


def new_document(
    model: dict[str, Any],
    *,
    backend: str,
    model_def_script: dict[str, Any],
    min_nbor_dist: float | None = None,
    self_test: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A document for a model.

    Parameters
    ----------
    model : dict[str, Any]
        The model's tree, as its ``serialize()`` gives it.
    backend : str
        Name of the backend that made it, e.g. ``PyTorch``.
    model_def_script : dict[str, Any]
        The input's model section.
    min_nbor_dist : float, optional
        Smallest distance between two atoms in the training data [Å].
    self_test : dict[str, Any], optional
        What `deepmd.contract.self_test.make_self_test` gives.
    """
    document: dict[str, Any] = {
        "software": "deepmd-core",
        "version": core_version(),
        "time": str(datetime.now(tz=timezone.utc)),
        "model": model,
        "model_def_script": model_def_script,
        "backend": backend,
    }
    if min_nbor_dist is not None:
        document["min_nbor_dist"] = float(min_nbor_dist)
    if self_test is not None:
        document["self_test"] = self_test
    return document


def check_document(document: Any, source: str) -> dict[str, Any]:
    """The document, if it is one: a mapping with a model, of plain values and arrays.

    Raises
    ------
    ModelFileError
        Where it is none; ``source`` names the file in the message.
    """
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise ModelFileError(f"{source} holds no Deep Potential model: the mapping `model` is not in it.")
    if "training" in document:
        raise ModelFileError(f"{source} is the input of a training; give a model file.")
    check_plain(document, source, ModelFileError, others=(np.ndarray,))
    check_table(document, DOCUMENT, source)
    return document
