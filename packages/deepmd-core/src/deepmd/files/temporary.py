# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files for a framework that reads nothing but files of certain names."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from deepmd.errors import ModelFileError
from deepmd.files.atomic import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def temporary_files(contents: Mapping[str, str | Path]) -> Iterator[Path]:
    """A folder, until its end, with files of these names: texts, or links to files.

    Raises
    ------
    ModelFileError
        The folder for temporary files takes none; the model that is read is not to blame.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            for name, content in contents.items():
                if isinstance(content, str):
                    (folder / name).write_text(content, encoding="utf-8")
                else:
                    (folder / name).symlink_to(content.resolve())
        except OSError as error:
            raise ModelFileError(
                "the folder for temporary files, from which the framework reads a model, takes none: "
                f"{reason_of(error)}; free some of it, or name another in TMPDIR."
            ) from error
        yield folder
