# SPDX-License-Identifier: LGPL-3.0-or-later
"""Any kind of model file can be made from any other, without a change to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.backend.discovery import backend_of_file
from deepmd.entrypoints.convert_backend import convert
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
        """From each kind of file to this backend's model files, and from this backend's to the common ones."""
        own = self.file_kinds()
        pairs = [
            (source, target) for source in [*own, *COMMON_FILE_KINDS] for target in own if not target.is_checkpoint
        ]
        pairs += [(source, target) for source in own for target in COMMON_FILE_KINDS]
        return super().parameters() | {"source,target": list(dict.fromkeys(pairs))}

    def test_convert(self, models: Models, source: FileKind, target: FileKind, tmp_path: Path) -> None:
        check_conversion(models, source, target, tmp_path, self.conversion_case)


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
