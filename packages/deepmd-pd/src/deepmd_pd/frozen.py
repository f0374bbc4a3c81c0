# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.json` + `.pdiparams`: a program of paddle and its constants.

The `.json` has one key more than paddle writes, `deepmd`: what a program that loads the model must know of it,
and the contract's document.
"""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.kit.state_file import read_state
from deepmd_dp.model import deserialize_model
from deepmd_pd import arrays
from deepmd_pd.framework import paddle
from deepmd_pd.graph import OUTPUTS, FrozenModel, input_specs

if TYPE_CHECKING:
    from paddle import Tensor

    from deepmd_dp.environment.environment import Environment

_KEY = "deepmd"
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
    model = deserialize_model(document["model"])
    layer = paddle.jit.to_static(FrozenModel(model).eval(), full_graph=True, input_spec=[input_specs(model)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # paddle's, of its own use of what a graph does not have
        paddle.jit.save(layer, str(program.with_suffix("")))
    data = json.loads(program.read_text(encoding="utf-8"))
    data[_KEY] = {**_metadata(model), "pdiparams_sha256": _digest(constants), "document": _as_text(document)}
    program.write_text(json.dumps(data), encoding="utf-8")


def _files_of(path: str) -> tuple[Path, Path]:
    """The program and its constants, given either."""
    return Path(path).with_suffix(".json"), Path(path).with_suffix(".pdiparams")


def _metadata(model: Any) -> dict[str, Any]:
    """What a caller of the graph must know."""
    fitting = model.fitting
    return {
        "rcut": model.rcut,
        "type_map": list(model.type_map),
        "by_type": not model.descriptor.mixed_types,
        "list_widths": list(model.list_widths or ()),
        "dim_fparam": fitting.numb_fparam,
        "dim_aparam": fitting.numb_aparam,
        "default_fparam": None if fitting.default_fparam is None else list(fitting.default_fparam),
        "inputs": [spec.name for spec in input_specs(model)],
        "outputs": list(OUTPUTS),
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _as_text(document: dict) -> str:
    return base64.b64encode(document_to_bytes(document)).decode("ascii")


def _read(path: str) -> dict[str, Any]:
    """What we wrote into the program's file.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, or something else.
    """
    program, _ = _files_of(path)
    try:
        data = json.loads(program.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFileError(f"{program} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ModelFileError(f"{program} cannot be read as JSON ({error}); the file is damaged.") from error
    if not isinstance(data, dict) or "base_code" not in data:
        raise ModelFileError(f"{program} holds no model: it is JSON, but no program of Paddle; give a frozen model.")
    if _KEY not in data:
        raise ModelFileError(
            f"{program} was not frozen by deepmd-pd; a model of deepmd-kit is carried over by "
            "`dp convert-backend frozen.json model.dp` in deepmd-kit, then by the same command here."
        )
    return data[_KEY]


def read_document(path: str) -> dict:
    """The contract's document that the file embeds."""
    return document_from_bytes(base64.b64decode(_read(path)["document"]), str(path))


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return read_document(path) if is_frozen(path) else read_state(path).model


class Graph:
    """A frozen file's own graph.

    Raises
    ------
    ModelFileError
        The constants are missing, damaged, or another model's.
    """

    def __init__(self, path: str) -> None:
        self._data = _read(path)
        program, constants = _files_of(path)
        if not constants.is_file():
            raise ModelFileError(f"{program} needs {constants.name} beside it, which is not there; copy both files.")
        if _digest(constants) != self._data["pdiparams_sha256"]:
            raise ModelFileError(f"{constants} is damaged or of another model than {program.name}; copy both files.")
        self._layer = paddle.jit.load(str(program.with_suffix("")))

    def __call__(
        self, env: Environment, fparam: Tensor | None, aparam: Tensor | None, mapping: Tensor | None = None
    ) -> dict[str, Tensor]:
        """What the graph gives, by the names of `graph.OUTPUTS`; without a mapping there are no ghost atoms."""
        nframes, nloc = env.atype.shape
        if fparam is None and self._data["default_fparam"]:
            fparam = paddle.to_tensor([self._data["default_fparam"]] * nframes, "float64", place=arrays.device())
        if mapping is None:
            mapping = paddle.expand(paddle.arange(nloc), [nframes, nloc])
        given = {"atype": env.atype, "restore": env.restore, "mapping": mapping, "fparam": fparam, "aparam": aparam}
        for field in ("edge_vec", "nlist", "neighbor_type", "centers"):
            given |= {f"{field}_{number}": each for number, each in enumerate(getattr(env, field))}
        with paddle.no_grad():
            results = self._layer(*(given[name] for name in self._data["inputs"]))
        return dict(zip(self._data["outputs"], results, strict=True))
