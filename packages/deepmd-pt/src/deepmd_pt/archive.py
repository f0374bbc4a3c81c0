# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a `.pth` is as a file: a zip archive of TorchScript with the contract's document and the metadata beside it.

Both are extra files of the archive. The metadata are a string of the script too, for C++. The digest in them is made of
all other members, that string cut out.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepmd.contract import document_from_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "deepmd_document.safetensors"
METADATA = "deepmd_metadata.json"
_FOLDER = "model"
_RECORD, _STRINGS = f"extra/{METADATA}", "data.pkl"


class FrozenFile(NamedTuple):
    """A frozen file as read and checked."""

    content: bytes
    document: dict


def finish(content: bytes) -> bytes:
    """An archive as torch writes it, whose metadata have some digest, with the right one.

    Without where the lines of the script came from, which are paths on the machine of the one who froze it.
    """
    members = {name: member for name, member in members_of(content).items() if not name.endswith(".debug_pkl")}
    record, buffer = members[_RECORD], io.BytesIO()
    right = sealed(record.decode(), _parts(members)).encode()
    for name in (_RECORD, _STRINGS):
        members[name] = members[name].replace(record, right)
    with zipfile.ZipFile(buffer, "w") as target:
        for name, member in members.items():
            target.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}"), member)
    return buffer.getvalue()


def read(path: str) -> FrozenFile | None:
    """A frozen file, checked before torch sees it; None: it is no TorchScript, perhaps a checkpoint.

    Raises
    ------
    ModelFileError
        It is missing, damaged, or another program's, such as deepmd-kit's.
    """
    try:
        content = Path(path).read_bytes()
        members = members_of(content)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error
    except zipfile.BadZipFile as error:
        if not zipfile.is_zipfile(io.BytesIO(content)):
            return None
        raise ModelFileError(f"{path} is damaged ({error}); get the file again.") from error
    if "constants.pkl" not in members:
        return None
    if _RECORD not in members or f"extra/{DOCUMENT}" not in members:
        raise ModelFileError(
            f"{path} was not frozen by deepmd-pt; a .pth of deepmd-kit is carried over by "
            "`dp convert-backend frozen.pth model.dp` in deepmd-kit, then by the same command here."
        )
    read_metadata(members[_RECORD], _parts(members), path)
    return FrozenFile(content, document_from_bytes(members[f"extra/{DOCUMENT}"], path))


def members_of(content: bytes) -> dict[str, bytes]:
    """The members of an archive by their names without the top folder, which torch calls after the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def _parts(members: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What the digest is made of."""
    for name, content in members.items():
        if name != _RECORD:
            yield name, content.replace(members[_RECORD], b"") if name == _STRINGS else content
