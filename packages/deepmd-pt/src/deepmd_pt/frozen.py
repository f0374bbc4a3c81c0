# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.pth`: TorchScript that computes energies, forces and virials from displacements.

The energy is traced once with sizes left open; the script around it asks torch for the
derivative by the displacements. The file also embeds the contract's document.
"""

from __future__ import annotations

import warnings
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepmd.contract import document_from_bytes, document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.environment.environment import Environment
from deepmd_dp.model import deserialize_model
from deepmd_pt import arrays, checkpoint
from deepmd_pt.script import FrozenModel, TracedEnergy, TracedForces, environment_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENT = "deepmd_document.safetensors"


@contextmanager
def _torchscript() -> Iterator[None]:
    """Without torch's notes that TorchScript is deprecated, one at each call.

    C++ and LAMMPS load it without Python; to be looked at again when torch offers as much.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        yield


def write(path: str, document: dict) -> None:
    """Freezes the model of a document.

    Raises
    ------
    ModelFileError
        The ending is not `.pth`: a checkpoint is written by training only.
    """
    if not str(path).endswith(".pth"):
        raise ModelFileError(f"{path}: PyTorch models are written as .pth; .pt is the ending of training checkpoints.")
    script = _compile(deserialize_model(document["model"]))
    with _torchscript():
        torch.jit.save(script, str(path), _extra_files={_DOCUMENT: document_to_bytes(document)})


def _compile(model: Any) -> torch.jit.ScriptModule:
    """Traces on an example and scripts the derivative around it; on the CPU, loading moves it."""
    example = map_leaves(_example_environment(model), lambda _, array: torch.from_numpy(np.array(array)))
    fparam = torch.zeros((1, model.fitting.numb_fparam), dtype=torch.float64)
    aparam = torch.zeros((1, example.atype.shape[1], model.fitting.numb_aparam), dtype=torch.float64)
    tensors = environment_tensors(example)
    with torch.no_grad(), _torchscript():
        # the sizes that are baked in are the widths of the nets; all others are tried in the tests
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        energy = torch.jit.trace(TracedEnergy(model), (*tensors, fparam, aparam), check_trace=False)
        mapping = torch.arange(example.atype.shape[1])[None, :]
        gradient = list(example.edge_vec)
        forces = [
            torch.jit.trace(TracedForces(atomic), (gradient, *tensors, mapping), check_trace=False)
            for atomic in (False, True)
        ]
        return torch.jit.script(FrozenModel(model, energy, *forces))


def _example_environment(model: Any) -> Environment:
    """A few atoms of all types, two of each, near enough to see each other."""
    atype = np.tile(np.arange(model.ntypes), 2)[None, :]
    rng = np.random.default_rng(0)
    coord = rng.uniform(0.0, 0.8 * model.rcut, (1, atype.shape[1], 3))
    return build_environment(model, coord, None, atype)


def load(path: str) -> torch.jit.ScriptModule:
    """The TorchScript of a frozen file, on the device used."""
    with _torchscript():
        return torch.jit.load(str(path), map_location=arrays.device()).eval()


def is_frozen(path: str) -> bool:
    """Whether the file is one of TorchScript, whatever its ending."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError):
        return False


def read_document(path: str) -> dict:
    """The contract's document that the file embeds.

    Raises
    ------
    ModelFileError
        The file has none, for instance since deepmd-kit wrote it.
    """
    files = {_DOCUMENT: ""}
    try:
        with _torchscript():
            torch.jit.load(str(path), map_location="cpu", _extra_files=files)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} cannot be read as TorchScript ({checkpoint.first_line(error)}); the file is damaged."
        ) from error
    if not files[_DOCUMENT]:
        raise ModelFileError(
            f"{path} was not frozen by deepmd-pt; a .pth of deepmd-kit is carried over by "
            "`dp convert-backend frozen.pth model.dp` in deepmd-kit, then by the same command here."
        )
    return document_from_bytes(files[_DOCUMENT])


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    return read_document(path) if is_frozen(path) else checkpoint.read(path).model


def evaluate(
    script: torch.jit.ScriptModule,
    env: Environment,
    fparam: torch.Tensor | None,
    aparam: torch.Tensor | None,
    atomic: bool,
) -> dict[str, torch.Tensor]:
    """What the frozen graph itself gives for some surroundings without ghost atoms."""
    nframes, nloc = env.atype.shape
    mapping = torch.arange(nloc, device=env.atype.device).expand(nframes, nloc)
    # TorchScript's optimiser takes seconds at each of the first calls, and its graph with a derivative inside
    # is several times slower than the operations run as they are (measured with torch 2.13 on the CPU)
    with torch.jit.optimized_execution(False):
        return script(*environment_tensors(env), mapping, fparam, aparam, atomic)
