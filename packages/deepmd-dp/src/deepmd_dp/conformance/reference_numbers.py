# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of deepmd-kit 3.2.0: the backend gives its figures, from every kind of file made of deepmd-kit's `.dp`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepmd.contract import read_document
from deepmd_dp.conformance.comparison import DOUBLE, SINGLE, assert_close
from deepmd_dp.conformance.parts import Part

if TYPE_CHECKING:
    from deepmd_dp.conformance.file_kinds import FileKind

REFERENCE = Path(__file__).parent / "reference"
"""For each model a folder with `model.dp` and the inputs and results in `data.npz`."""
NAMES = sorted(path.name for path in REFERENCE.iterdir())
QUANTITIES = ("energy", "atom_energy", "force", "virial", "atom_virial")


class ReferenceTests(Part):
    """Energies, forces, virials and their atomic parts, in a cell and without one."""

    @pytest.mark.parametrize("name", NAMES)
    def test_numbers_of_deepmd_kit(self, name: str, own_file_kind: FileKind, tmp_path: Path) -> None:
        original = REFERENCE / name / "model.dp"
        is_original = own_file_kind.suffix == original.suffix
        path = original if is_original else own_file_kind.write(tmp_path / "model", read_document(original))
        model = own_file_kind.backend.deep_eval(str(path))
        with np.load(REFERENCE / name / "data.npz") as data:
            for boundary, box in (("pbc", data["box"]), ("nopbc", None)):
                results = model.eval(data["coord"], box, **_inputs(data))
                for quantity in QUANTITIES:
                    expected = data[f"{boundary}_{quantity}"].reshape(results[quantity].shape)
                    assert_close(results[quantity], expected, SINGLE if name.endswith("f32") else DOUBLE, quantity)


def _inputs(data: Any) -> dict[str, Any]:
    nframes = len(data["coord"])
    atype = np.tile(data["atype"], (nframes, 1))
    return {"atom_types": atype, "atomic": True, "fparam": data.get("fparam"), "aparam": data.get("aparam")}
