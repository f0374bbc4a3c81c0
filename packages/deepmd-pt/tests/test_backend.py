# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the backend presents itself, by its entry point."""

from __future__ import annotations

import subprocess
import sys

import torch

from deepmd.backend import Backend
from deepmd.backend.discovery import backend_of_file, get_backend
from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd.train import Trainer
from deepmd_pt.backend import PyTorchBackend


def test_found_by_its_names():
    for name in ("pt", "pytorch"):
        assert type(get_backend(name)) is PyTorchBackend


def test_found_by_the_endings_of_its_files():
    for name in ("frozen_model.pth", "model.ckpt-100.pt"):
        assert type(backend_of_file(name)) is PyTorchBackend


def test_hooks_give_what_the_base_class_promises():
    backend = get_backend("pt")
    assert issubclass(backend.trainer, Trainer)
    assert issubclass(backend.deep_eval, DeepEvalBackend)
    assert callable(backend.serialize_hook)
    assert callable(backend.deserialize_hook)
    assert callable(backend.neighbor_stat)


def test_can_do_everything():
    assert all(feature in PyTorchBackend.features for feature in Backend.Feature)


def test_framework_version():
    assert get_backend("pt").framework_version() == torch.__version__


def test_presenting_itself_does_not_import_torch():
    code = (
        "import sys; from deepmd_pt.backend import PyTorchBackend; PyTorchBackend(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
