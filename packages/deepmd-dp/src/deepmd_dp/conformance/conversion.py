# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any kind of model file can be made from any other, without a change to the last bit."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from deepmd.backend.discovery import backend_of_file
from deepmd.contract import read_document
from deepmd.contract.self_test import verify
from deepmd.entrypoints.convert_backend import convert
from deepmd.errors import ModelFileError
from deepmd_dp.conformance.cases import CONVERSION_CASE
from deepmd_dp.conformance.comparison import assert_same_tree
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.conformance.file_kinds import COMMON_FILE_KINDS, FileKind
from deepmd_dp.conformance.parts import Part

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.conformance.evaluation import Models


class ConversionTests(Part):
    """The backend's own kinds of files, checkpoints among them, and the common formats."""

    def parameters(self) -> dict[str, list[Any]]:
        """From each kind of file to this backend's first, and from that to each: a document lies between them."""
        own = self.file_kinds()
        kinds = [*own, *COMMON_FILE_KINDS]
        pairs = [(source, own[0]) for source in kinds]
        pairs += [(own[0], target) for target in kinds if not target.is_checkpoint]
        return super().parameters() | {"source,target": list(dict.fromkeys(pairs))}

    def test_convert(self, models: Models, source: FileKind, target: FileKind, tmp_path: Path) -> None:
        check_conversion(models, source, target, tmp_path, self.conversion_case)

    def test_a_source_with_the_graph_of_another_model(
        self, models: Models, own_file_kind: FileKind, tmp_path: Path
    ) -> None:
        """It is found by the graph itself: the document beside it is whole."""
        if own_file_kind.is_checkpoint or own_file_kind in COMMON_FILE_KINDS:
            pytest.skip("has no graph of its own")
        convert(str(models.path(self.conversion_case, COMMON_FILE_KINDS[0])), str(tmp_path / "whole.dp"))
        document = _WithOtherGraph(read_document(tmp_path / "whole.dp"))
        path = str(own_file_kind.write(tmp_path / "mixed", document))
        with closing(self.backend.deep_eval(path)) as model:
            try:
                verify(model, document)
            except ModelFileError:
                with pytest.raises(ModelFileError, match=r"mixed.*the self-test fails"):
                    convert(path, str(tmp_path / "target.dp"))
            else:
                pytest.skip("is evaluated without a graph of its own")


class _WithOtherGraph(dict[str, Any]):
    """A document whose model, where it is asked for by name, has other energies."""

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if key != "model":
            return value
        variables = {name: each + (name == "out_bias") for name, each in value["@variables"].items()}
        return {**value, "@variables": variables}


def check_conversion(
    models: Models, source: FileKind, target: FileKind, folder: Path, case: Case = CONVERSION_CASE
) -> None:
    """The self-test is verified by `convert` itself, with the target's backend."""
    after = folder / f"after{target.suffix}"
    differences = convert(str(models.path(case, source)), str(after))
    assert set(differences) == {"energy", "force", "virial", "atom_energy"}
    converted, document = backend_of_file(after).serialize_hook(str(after)), random_document(case)
    assert converted["self_test"] is not None
    assert converted["model_def_script"] == document["model_def_script"]
    assert_same_tree(converted["model"], document["model"])
