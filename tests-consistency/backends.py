# SPDX-License-Identifier: LGPL-3.0-or-later
"""The installed backends and the kinds of files that each of them reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd.backend import Backend
from deepmd.backend.discovery import installed_backends
from deepmd.train import TrainingState

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = [flag for flag in os.environ.get("DEEPMD_REQUIRED_BACKENDS", "").split(",") if flag]
"""Flags of the backends whose absence is a failure, by the environment variable DEEPMD_REQUIRED_BACKENDS."""
BACKENDS = {flag: backend for flag, backend in installed_backends().items() if backend.is_available()}
TRAINING_BACKENDS = {flag: b for flag, b in BACKENDS.items() if Backend.Feature.ENTRY_POINT in b.features}
PAIRS = [(flag, next(iter(TRAINING_BACKENDS))) for flag in list(TRAINING_BACKENDS)[1:]]
"""Each backend that trains but the first, with the first one."""


class Form(NamedTuple):
    """A kind of file of a backend."""

    flag: str
    suffix: str

    def __str__(self) -> str:
        return f"{self.flag}{self.suffix}"

    @property
    def backend(self) -> Backend:
        return BACKENDS[self.flag]

    @property
    def is_checkpoint(self) -> bool:
        return self.suffix == self.backend.checkpoint_suffix

    def write(self, path: Path, document: dict[str, Any]) -> Path:
        """Writes the document as such a file; gives its path with the ending added."""
        path = path.with_name(path.name + self.suffix)
        if self.is_checkpoint:
            self.backend.trainer.write_checkpoint(str(path), TrainingState(model=document, optimizer={}))
        else:
            self.backend.deserialize_hook(str(path), document)
        return path


FORMS = [Form(flag, suffix) for flag, backend in BACKENDS.items() for suffix in backend.suffixes]
FIRST_FORMS = [form for form in FORMS if form.is_checkpoint or form.suffix == form.backend.suffixes[0]]
"""One kind of model file and the checkpoints of each backend: what computes in its own way."""
