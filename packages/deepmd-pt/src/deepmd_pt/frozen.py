# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.pth`: TorchScript that computes all terms of a model from displacements.

The outputs are traced once with sizes left open; the script around them asks torch for the derivatives by the
displacements. Beside them the file has the contract's document and the metadata (`archive.py`).
"""

from __future__ import annotations

import io
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from deepmd.contract import document_to_bytes
from deepmd.errors import ModelFileError
from deepmd_dp.environment.parts import environment_with_ghosts
from deepmd_dp.kit import kernels
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.operators import LIST, refuse_operators
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_pt import archive, arrays, checkpoint
from deepmd_pt.kernel_library import load_derivative
from deepmd_pt.script import Core, FrozenModel, Terms, edge_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deepmd_dp.interface import Model


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
    model = with_matrices(deserialize_model(document["model"]))
    record = write_metadata(model, [])
    beside = {archive.DOCUMENT: document_to_bytes(document), archive.METADATA: record.encode()}
    forms = (_save(script, beside) for script in _compile(model, record))
    Path(path).write_bytes(archive.finish(*forms))


def _save(script: torch.jit.ScriptModule, beside: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with _torchscript():
        torch.jit.save(script, buffer, _extra_files=beside)
    return buffer.getvalue()


def load(members: dict[str, bytes], path: str) -> torch.jit.ScriptModule:
    """The TorchScript of an archive's members, on the device used; the form with our operator where that runs."""
    device = arrays.device()
    can_run = device.type == "cpu" and kernels.are_wanted() and load_derivative()
    members = archive.form_of(members, with_operators=can_run)
    refuse_operators(archive.operators(members, path), Path(__file__).with_name(LIST), path)
    with _torchscript():
        # packed anew: of two members of one name torch might take the other one
        return torch.jit.load(io.BytesIO(archive.packed(members)), map_location=device).eval()


def read_any(path: str) -> dict:
    """The document of a frozen file or of a checkpoint."""
    found = archive.read(path)
    return checkpoint.read(path).model if found is None else found.document


def _compile(model: Model, metadata: str) -> list[torch.jit.ScriptModule]:
    """Traces on an example and scripts the derivatives around it; on the CPU, loading moves it.

    In plain form, and with our operator where the model can run on it.
    """
    signature = Signature.of(model)
    core = Core(model, signature)
    inputs = _example_inputs(model, signature)
    with torch.no_grad(), _torchscript():
        # the sizes that are baked in are the widths of the nets; all others are tried in the tests
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        found, noutputs = core(inputs), len(model.outputs)
        # a trace knows arrays by their identity: these must not be the inputs themselves
        gradients = [
            torch.ones_like(vec) for _ in found[noutputs:] or [None] for vec in edge_vectors(signature, inputs)
        ]

        def terms_of(*kinds: str) -> torch.jit.ScriptModule:
            return _trace(Terms(model, signature, kinds), inputs, found[:noutputs], gradients)

        kinds = ("sum", "atom", "force", "virial")
        terms = [terms_of(*kinds[:2]), terms_of(*kinds), terms_of(*kinds, "atom_virial")]
        cores = [_trace(core, inputs)]
        for vec in edge_vectors(signature, inputs):
            vec.requires_grad_()  # an operation whose constants depend on these stays plain
        with kernels.in_graphs(), torch.enable_grad():
            cores.append(_trace(core, inputs))
        if cores[1].graph.findNode("deepmd_pt::moments") is None:
            del cores[1]
        return [torch.jit.script(FrozenModel(signature, metadata, noutputs, each, *terms)) for each in cores]


def _trace(function: torch.nn.Module, *examples: list[torch.Tensor]) -> torch.jit.ScriptModule:
    """Not strict, since lists and dicts are given: their lengths are the model's."""
    traced = torch.jit.trace(function, examples, check_trace=False, strict=False)
    # of `x[:, 0]` a trace records a slice of all rows too, whose derivative would be a copy into zeros
    for node in traced.graph.findAllNodes("aten::slice"):
        whole, _, *bounds = node.inputs()
        if [bound.toIValue() for bound in bounds] == [0, sys.maxsize, 1]:
            node.output().replaceAllUsesWith(whole)
            node.destroy()
    return traced


def _example_inputs(model: Model, signature: Signature) -> list[torch.Tensor]:
    """Two atoms of each type with ghosts beside them, near enough to see each other."""
    nloc = 2 * model.ntypes
    mapping = np.tile(np.arange(nloc), 2)[None]
    coord = np.random.default_rng(0).uniform(0.0, 0.8 * model.rcut, (1, 2 * nloc, 3))
    env = environment_with_ghosts(model, coord, mapping % model.ntypes, mapping, nloc)
    parameters = np.zeros((1, model.dim_fparam)), np.zeros((1, nloc, model.dim_aparam))
    packed = signature.pack(with_file_inputs(env, model), *parameters)
    return [torch.from_numpy(np.array(packed[each.name])) for each in signature.inputs]


def evaluate(
    script: torch.jit.ScriptModule, inputs: dict[str, torch.Tensor], *, atomic: bool, derivatives: bool
) -> dict[str, torch.Tensor]:
    """What the frozen graph itself gives."""
    # TorchScript's optimiser takes seconds at each of the first calls, and its graph with a derivative inside
    # is several times slower than the operations run as they are (measured with torch 2.13 on the CPU)
    with torch.jit.optimized_execution(False):
        return script(inputs, atomic, derivatives)
