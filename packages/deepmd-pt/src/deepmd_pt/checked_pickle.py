# SPDX-License-Identifier: LGPL-3.0-or-later
"""A checkpoint's bytes, looked at before torch builds anything of them.

torch's restricted reader runs no code, but makes objects of any size that a file asks for: a ``bytearray`` of a number,
a tensor of its old format of bytes yet to come. What we write is a zip archive whose pickle names tensors alone.
"""

from __future__ import annotations

import io
import pickletools
import re

from deepmd.errors import ModelFileError
from deepmd.files.reading import open_archive

_TENSORS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage")


def check_checkpoint(content: bytes, source: str) -> None:
    """Raises ModelFileError unless this is an archive of tensors and plain values, which fit into memory."""
    with open_archive(io.BytesIO(content), source) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ModelFileError(f"{source} is a zip archive, but no checkpoint: it has no data.pkl.")
        for opcode, argument, _ in pickletools.genops(archive.read(pickles[0])):
            if opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST") and not _TENSORS.fullmatch(str(argument)):
                raise ModelFileError(f"{source} holds {argument}; a checkpoint of ours holds tensors and plain values.")
