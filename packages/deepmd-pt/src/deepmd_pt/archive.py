# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a `.pth` is as a file: a zip archive of TorchScript with the contract's document and the metadata beside it.

Both are extra files of the archive. The metadata are a string of the script too, for C++. The digest in them is made of
all other members, that string cut out. A second form of the script, with our operator, shares the constants: members
that only it has lie in ``extra/operators/``, where torch does not look, and `form_of` puts them in place.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from deepmd.contract import document_from_bytes
from deepmd.errors import ModelFileError
from deepmd.files.reading import open_archive
from deepmd_dp.kit.called_names import called_names
from deepmd_dp.kit.foreign import not_ours
from deepmd_dp.kit.metadata import read_metadata, sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "deepmd_document.safetensors"
METADATA = "deepmd_metadata.json"
_FOLDER = "model"
_RECORD, _STRINGS, _OPERATORS = f"extra/{METADATA}", "data.pkl", "extra/operators/"


class FrozenFile(NamedTuple):
    """A frozen file as read and checked."""

    members: dict[str, bytes]
    document: dict


def finish(plain: bytes, operators: bytes | None = None) -> bytes:
    """An archive of the forms, as torch writes them with some digest in the metadata, with the right one."""
    members = _kept(plain)
    own = {name: member for name, member in _kept(operators or plain).items() if members.get(name) != member}
    members |= {f"{_OPERATORS}{name}": member for name, member in own.items()}
    record = members[_RECORD]
    right = sealed(record.decode(), _parts(members)).encode()
    return packed(
        {name: member.replace(record, right) if _has_record(name) else member for name, member in members.items()}
    )


def form_of(members: dict[str, bytes], *, with_operators: bool) -> dict[str, bytes]:
    """The members of one form: of that with our operator, where there is one, or of the plain form."""
    own = {name.removeprefix(_OPERATORS): member for name, member in members.items() if name.startswith(_OPERATORS)}
    chosen = members | own if with_operators else members
    return {name: member for name, member in chosen.items() if not name.startswith("extra/")}


def read(path: str) -> FrozenFile | None:
    """A frozen file, checked before torch sees it; None: it is no TorchScript, perhaps a checkpoint.

    Raises
    ------
    ModelFileError
        It is missing, damaged, or another program's, such as deepmd-kit's.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return None
    members = members_of(content, path)
    if "constants.pkl" not in members:
        return None
    if _RECORD not in members or f"extra/{DOCUMENT}" not in members:
        raise not_ours(path, "frozen by deepmd-pt")
    record = read_metadata(members[_RECORD], _parts(members), path)
    return FrozenFile(members, document_from_bytes(members[f"extra/{DOCUMENT}"], path, record["digest"]))


def members_of(content: bytes, source: str = "the archive") -> dict[str, bytes]:
    """The members of an archive by their names without the top folder, which torch calls after the file."""
    with open_archive(io.BytesIO(content), source) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def operators(members: dict[str, bytes], path: str) -> set[str]:
    """What a script calls and defines: torch runs methods `__setstate__` and values of arguments while it reads."""
    found = {"torch.classes" for content in members.values() if b"torch.classes" in content}  # classes in C++
    codes = {name: content for name, content in members.items() if name.startswith("code/")}
    return found.union(*(called_names(content, f"{path}: {name}") for name, content in codes.items()))


def _kept(content: bytes) -> dict[str, bytes]:
    """The members without the lines of the script's source, with paths of who froze it, and the number made of all."""
    members = members_of(content).items()
    return {name: member for name, member in members if not name.endswith((".debug_pkl", "serialization_id"))}


def packed(members: dict[str, bytes]) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, member in members.items():
            target.writestr(zipfile.ZipInfo(f"{_FOLDER}/{name}"), member)
    return buffer.getvalue()


def _parts(members: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """What the digest is made of."""
    for name, content in members.items():
        if name != _RECORD:
            yield name, content.replace(members[_RECORD], b"") if _has_record(name) else content


def _has_record(name: str) -> bool:
    """Whether a member holds the metadata: they themselves, and the strings of both scripts."""
    return name == _RECORD or name.endswith(_STRINGS)
