# SPDX-License-Identifier: LGPL-3.0-or-later
"""The kinds of files that a backend reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from deepmd.backend.discovery import find_backend
from deepmd.train import TrainingState

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd.backend import Backend


class FileKind(NamedTuple):
    """A kind of file of a backend: one file, several with the same stem, or a folder."""

    flag: str
    suffix: str

    def __str__(self) -> str:
        return f"{self.flag}{self.suffix}"

    @property
    def backend(self) -> Backend:
        """The backend that reads and writes it."""
        return find_backend(self.flag)

    @property
    def is_checkpoint(self) -> bool:
        """Whether trainings write it."""
        return self.suffix == self.backend.checkpoint_suffix

    def write(self, path: Path, document: dict[str, Any]) -> Path:
        """Writes the document as such a file; gives its path with the ending added."""
        path = path.with_name(path.name + self.suffix)
        if self.is_checkpoint:
            self.backend.trainer.write_checkpoint(str(path), TrainingState(model=document, optimizer={}))
        else:
            self.backend.deserialize_hook(str(path), document)
        return path


def file_kinds_of(flag: str) -> list[FileKind]:
    """All kinds of files of a backend, its own default first, checkpoints among them."""
    backend = find_backend(flag)
    suffixes = dict.fromkeys((*backend.suffixes, backend.checkpoint_suffix))
    return [FileKind(flag, suffix) for suffix in suffixes if suffix]


COMMON_FILE_KINDS = [FileKind("dp", suffix) for suffix in (".dp", ".yaml", ".safetensors")]
"""The formats of no framework: what every backend's models can be made of and made into."""
