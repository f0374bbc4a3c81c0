# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.json` + `.pdiparams`: a program of paddle and its constants.

The `.json` is what paddle writes, with one key more at its end, ``deepmd``: ``metadata``, the record of
`deepmd_dp.kit.metadata` as text, and ``document``, the contract's in base64.
"""

from __future__ import annotations

import base64
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.metadata import read_metadata, write_metadata
from deepmd_dp.kit.signature import Signature
from deepmd_dp.kit.state_file import read_state
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_pd import arrays
from deepmd_pd.framework import paddle
from deepmd_pd.graph import FrozenModel, input_specs

if TYPE_CHECKING:
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.kit.metadata import Part

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
    specs = [input_specs(Signature.of(model))]
    layer = paddle.jit.to_static(FrozenModel(model).eval(), full_graph=True, input_spec=specs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # paddle's, of its own use of what a graph does not have
        paddle.jit.save(layer, str(program.with_suffix("")))
    text = program.read_text(encoding="utf-8").rstrip()
    embedded = base64.b64encode(document_to_bytes(document)).decode("ascii")
    metadata = write_metadata(model, _parts(text, constants.read_bytes(), embedded))
    added = json.dumps({"metadata": metadata, "document": embedded})
    program.write_text(f"{text.removesuffix('}')}{_KEY}{added}}}", encoding="utf-8")


def _files_of(path: str) -> tuple[Path, Path]:
    """The program and its constants, given either."""
    return Path(path).with_suffix(".json"), Path(path).with_suffix(".pdiparams")


def _parts(program: str, constants: bytes, document: str) -> list[Part]:
    """What the digest is made of. The program's own text: its numbers need not be written alike by all programs."""
    return [("program", program.encode()), ("constants", constants), ("document", document.encode())]


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
        self._program, constants = _files_of(path)
        text = _read(self._program).decode("utf-8", errors="replace").rstrip()
        added = _added(text, self._program)
        if not constants.is_file():
            raise ModelFileError(
                f"{self._program} needs {constants.name} beside it, which is not there; copy both files."
            )
        parts = _parts(f"{text.rpartition(_KEY)[0]}}}", _read(constants), added["document"])
        read_metadata(added["metadata"], parts, f"{self._program} or {constants.name}")
        self.document = document_from_bytes(base64.b64decode(added["document"]), str(path))

    def load(self) -> paddle.jit.TranslatedLayer:
        """The graph."""
        return paddle.jit.load(str(self._program.with_suffix("")))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}.") from error


def _added(text: str, program: Path) -> dict[str, Any]:
    """What we wrote into the program's file."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ModelFileError(f"{program} cannot be read as JSON ({error}); the file is damaged.") from error
    if not isinstance(data, dict) or "base_code" not in data:
        raise ModelFileError(f"{program} holds no model: it is JSON, but no program of Paddle; give a frozen model.")
    if "deepmd" not in data:
        raise ModelFileError(
            f"{program} was not frozen by deepmd-pd; a model of deepmd-kit is carried over by "
            "`dp convert-backend frozen.json model.dp` in deepmd-kit, then by the same command here."
        )
    return data["deepmd"]


class Graph:
    """A frozen file's own graph."""

    def __init__(self, file: FrozenFile, signature: Signature) -> None:
        self._layer = file.load()
        self._signature = signature

    def __call__(self, env: Environment, fparam: Tensor | None, aparam: Tensor | None) -> dict[str, Tensor]:
        """All terms by name, of an environment that has what files take."""
        given = self._signature.pack(env, fparam, aparam).values()
        # frame parameters that the model has itself are no tensors yet
        tensors = [each if isinstance(each, paddle.Tensor) else arrays.from_numpy(each) for each in given]
        with paddle.no_grad():
            *results, _ = self._layer(*tensors)
        return {term.name: result for term, result in zip(self._signature.outputs, results, strict=True)}
