# SPDX-License-Identifier: LGPL-3.0-or-later
"""Backends for tests whose files hold a contract document with a Morse potential."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from morse import DEFAULTS, MorseEval

from deepmd.backend import Backend, discovery
from deepmd.contract import document_from_bytes, document_to_bytes, new_document, read_document, write_document


def make_document(depth=0.7, **settings):
    """A document of a Morse potential, its depth an array; without a self-test."""
    settings = {"type_map": ["O", "H"], **settings}
    variables = {"depth": np.array([depth]), "out_bias": np.array([[[0.0], [1.5]]]), "idt": None}
    head = {"@class": "Model", "@version": 2, "type": "morse", "type_map": settings["type_map"]}
    descriptor = {"precision": "float64", "layers": [{"@class": "Layer", "@variables": {"w": np.eye(3)}}]}
    model = head | {"settings": settings, "descriptor": descriptor, "@variables": variables}
    return new_document(model, backend="Document", model_def_script={"descriptor": {"type": "morse"}})


class DocumentEval(MorseEval):
    """Reads `.dp` and its like."""

    def __init__(self, model_file, **kwargs):
        self.settings = DEFAULTS | self.read(model_file)["model"]["settings"]
        self.settings["depth"] = float(self.read(model_file)["model"]["@variables"]["depth"][0])
        self.calls = []

    @staticmethod
    def read(path):
        return read_document(path)


class DocumentBackend(Backend):
    name = "Document"
    flags = ("doc", "document")
    distribution = "deepmd-core"
    framework = "numpy"
    features = Backend.Feature.DEEP_EVAL | Backend.Feature.IO
    suffixes = (".dp", ".yaml")

    @property
    def deep_eval(self):
        return DocumentEval

    @property
    def neighbor_stat(self):
        raise NotImplementedError

    @property
    def serialize_hook(self):
        return read_document

    @property
    def deserialize_hook(self):
        return write_document


class FrozenEval(DocumentEval):
    @staticmethod
    def read(path):
        return document_from_bytes(Path(path).read_bytes())


class FrozenBackend(DocumentBackend):
    """Files that embed a document's bytes, as frozen files do."""

    name = "Frozen"
    flags = ("frozen",)
    suffixes = (".frozen",)

    @property
    def deep_eval(self):
        return FrozenEval

    @property
    def serialize_hook(self):
        return FrozenEval.read

    @property
    def deserialize_hook(self):
        return lambda path, document: Path(path).write_bytes(document_to_bytes(document))


class WrongEval(FrozenEval):
    def eval(self, *args, **kwargs):
        results = super().eval(*args, **kwargs)
        return results | {"force": results["force"] + 1e-6}


class WrongBackend(FrozenBackend):
    """Gives forces that are a little off."""

    name = "Wrong"
    flags = ("wrong",)
    suffixes = (".wrong",)

    @property
    def deep_eval(self):
        return WrongEval


def install(monkeypatch):
    """Makes these the only installed backends."""
    backends = {"doc": DocumentBackend(), "frozen": FrozenBackend(), "wrong": WrongBackend()}
    monkeypatch.setattr(discovery, "installed_backends", lambda: backends)
