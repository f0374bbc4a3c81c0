# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.json` + `.pdiparams`: a program of paddle and its constants.

The `.json` is what paddle writes, with one key more at its end, ``deepmd``: ``metadata``, the record of
`deepmd_dp.kit.metadata` as text; ``document``, the contract's in base64; and, where the model has what our operators
compute, ``operators``, the text of a second program with the same constants, which runs on them.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd.files.plain import parse_json
from deepmd.files.temporary import temporary_files
from deepmd_dp.kit import kernels
from deepmd_dp.kit.foreign import not_ours
from deepmd_dp.kit.metadata import Part, read_metadata, write_metadata
from deepmd_dp.kit.operators import LIST, operators_of_json, refuse_operators
from deepmd_dp.kit.state_file import read_state
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_pd import arrays
from deepmd_pd.framework import core, paddle
from deepmd_pd.graph import FrozenModel, record
from deepmd_pd.kernel_library import load_library

_KEY = ',"deepmd":'
"""What the program's text ends before. Where this stands inside of a text of the JSON, its quotes are escaped."""
_SUFFIXES = (".json", ".pdiparams")


def is_frozen(path: str) -> bool:
    """Whether it is one of a frozen model's two files, by its ending."""
    return Path(path).suffix in _SUFFIXES


def write(path: str, document: dict) -> None:
    """Freezes the model of a document.

    Raises
    ------
    ModelFileError
        The ending is another one: a checkpoint is written by training only.
    """
    if not is_frozen(path):
        raise ModelFileError(
            f"{path}: Paddle models are written as .json with .pdiparams; .pd is the ending of training checkpoints."
        )
    program, constants = _files_of(path)
    model = with_matrices(deserialize_model(document["model"]))
    layer = FrozenModel(model).eval()
    plain = record(layer, program)
    embedded = base64.b64encode(document_to_bytes(document)).decode("ascii")
    added = {"document": embedded, **_second_form(layer, plain, constants)}
    metadata = write_metadata(model, _parts(plain.encode(), constants.read_bytes(), added))
    text = json.dumps({"metadata": metadata, **added})
    program.write_text(f"{plain.removesuffix('}')}{_KEY}{text}}}", encoding="utf-8")


def _second_form(layer: FrozenModel, plain: str, constants: Path) -> dict[str, str]:
    """The program on operators; none where it is the plain one, or has other constants."""
    with kernels.in_graphs(), TemporaryDirectory() as folder:
        program, own = _files_of(f"{folder}/{constants.name}")
        text = record(layer, program)
        return {"operators": text} if text != plain and own.read_bytes() == constants.read_bytes() else {}


def _files_of(path: str) -> tuple[Path, Path]:
    """The program and its constants, given either."""
    return Path(path).with_suffix(".json"), Path(path).with_suffix(".pdiparams")


def _parts(program: bytes, constants: bytes, added: dict[str, str]) -> list[Part]:
    """What the digest is made of. The program's own text: its numbers need not be written alike by all programs."""
    texts = ((key, text.encode()) for key, text in added.items() if key != "metadata")
    return [("program", program), ("constants", constants), *texts]


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return FrozenFile(path).document if is_frozen(path) else read_state(path).model


class FrozenFile:
    """The two files of a frozen model, read and checked.

    Attributes
    ----------
    document : dict
        The contract's.

    Raises
    ------
    ModelFileError
        One of them is missing, damaged, another model's or something else.
    """

    def __init__(self, path: str) -> None:
        self._program, self._constants = _files_of(path)
        self._plain, added = _split(_read(self._program).rstrip(), self._program)
        if not self._constants.is_file():
            raise ModelFileError(
                f"{self._program} needs {self._constants.name} beside it, which is not there; copy both files."
            )
        parts = _parts(self._plain, _read(self._constants), added)
        record = read_metadata(added["metadata"], parts, f"{self._program} or {self._constants.name}")
        self.document = document_from_bytes(base64.b64decode(added["document"]), str(path), record["digest"])
        self._operators = added.get("operators", "")

    @cached_property
    def has_operators(self) -> bool:
        """Whether the form on operators runs: where there is one, and they can be used."""
        is_on_cpu = isinstance(arrays.device(), core.CPUPlace)
        return bool(self._operators) and is_on_cpu and kernels.are_wanted() and load_library()

    def load(self) -> paddle.jit.TranslatedLayer:
        """The graph."""
        text = self._operators if self.has_operators else self._plain.decode()
        found = operators_of_json(text, str(self._program))
        refuse_operators(found, Path(__file__).with_name(LIST), str(self._program))
        if not self.has_operators:
            return paddle.jit.load(str(self._program.with_suffix("")))
        # paddle reads nothing but two files of one name
        with temporary_files({"model.json": self._operators, "model.pdiparams": self._constants}) as folder:
            return paddle.jit.load(str(folder / "model"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error


def _split(content: bytes, path: Path) -> tuple[bytes, dict[str, Any]]:
    """The program's text, and what we wrote behind it: where both are JSON, the whole is, with no other program."""
    program, _, added = content.rpartition(_KEY.encode())
    if program and added.endswith(b"}"):
        with suppress(ModelFileError):
            return program + b"}", parse_json(added[:-1], str(path), ModelFileError)
    data = parse_json(content, str(path), ModelFileError)
    if not isinstance(data, dict) or "base_code" not in data:
        raise ModelFileError(f"{path} holds no model: it is JSON, but no program of Paddle; give a frozen model.")
    if "deepmd" not in data:
        raise not_ours(path, "frozen by deepmd-pd")
    raise ModelFileError(f"{path} is damaged: its contents are not what was written; get the file again.")
