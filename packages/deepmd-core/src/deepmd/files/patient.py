# SPDX-License-Identifier: LGPL-3.0-or-later
"""A file for libraries that end the process where one can't be written, as torch does."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO


class PatientFile:
    """Takes all that is written, also after an error, which is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, piece: bytes | memoryview) -> int:
        """Writes, unless that has failed before."""
        if self.error is None:
            try:
                self._file.write(piece)
            except OSError as error:
                self.error = error
        return len(piece)

    def flush(self) -> None:
        """All is flushed when the file is closed."""


@contextmanager
def patient_file(path: str | Path) -> Iterator[PatientFile]:
    """A new file to write; what fails is raised when the block has ended.

    Raises
    ------
    OSError
    """
    with open(path, "wb") as file:
        patient = PatientFile(file)
        yield patient
        if patient.error is not None:
            raise patient.error
