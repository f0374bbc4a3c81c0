# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of deepmd-kit 3.2.0: the backend gives its figures, from every kind of file made of deepmd-kit's `.dp`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import read_document
from deepmd.outputs import MAGNETIC_KINDS, TERM_KINDS, OutputDef
from deepmd_dp.conformance.comparison import DOUBLE, SINGLE, assert_close
from deepmd_dp.conformance.parts import Part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.conformance.file_kinds import FileKind

REFERENCE = Path(__file__).parent / "reference"
"""For each model a folder with `model.dp` and the inputs and results in `data.npz`."""
NAMES = sorted(path.name for path in REFERENCE.iterdir())
FEW_NAMES = [name for name in NAMES if not name.endswith("_option")]
"""Without models that are there for an option, which is the same code in all frameworks."""
OF_TENSORS = {"dipole": "dipole", "polarizability": "polar"}
"""Of tensors: deepmd-kit's names of the atoms' ones; those of frames begin with ``global_``."""
MESSAGE_PASSING = ("dpa2", "dpa3")
"""Models whose virials of atoms depend on how a program splits its energy into edges (decision record 0012)."""


class ReferenceTests(Part):
    """All terms that a model gives, in a cell and without one."""

    def parameters(self) -> dict[str, list[Any]]:
        kinds = self.own_file_kinds()
        pairs = [
            (name, kind)
            for number, name in enumerate(self.reference_names or NAMES)
            for kind in (kinds if self.every_file_of_deepmd_kit else [kinds[number % len(kinds)]])
        ]
        return super().parameters() | {"name,read_kind": pairs}

    def test_numbers_of_deepmd_kit(self, name: str, read_kind: FileKind, tmp_path: Path) -> None:
        original = REFERENCE / name / "model.dp"
        is_original = read_kind.suffix == original.suffix
        path = original if is_original else read_kind.write(tmp_path / "model", read_document(original))
        model = read_kind.backend.deep_eval(str(path))
        tolerance = SINGLE if "f32" in name else DOUBLE
        with np.load(REFERENCE / name / "data.npz") as data:
            for boundary, box in (("pbc", data["box"]), ("nopbc", None)):
                if not any(key.startswith(f"{boundary}_") for key in data):
                    continue  # a model without boundaries
                results = model.eval(data["coord"], box, **_inputs(data))
                for term, expected in expected_terms(data, boundary, model.outputs).items():
                    if term == "atom_virial" and name.startswith(MESSAGE_PASSING):
                        continue
                    assert_close(results[term], expected.reshape(results[term].shape), tolerance, term)


def expected_terms(
    data: Mapping[str, np.ndarray], boundary: str, outputs: tuple[OutputDef, ...]
) -> dict[str, np.ndarray]:
    """deepmd-kit's numbers by our terms' names; its derivatives of vectors have the atoms before the components."""
    found = {}
    for output in outputs:
        names = dict(
            zip(TERM_KINDS, (output.name, f"atom_{output.name}", "force", "virial", "atom_virial"), strict=True)
        )
        names |= {kind: kind for kind in MAGNETIC_KINDS}
        if output.name in OF_TENSORS:
            names |= {"sum": f"global_{OF_TENSORS[output.name]}", "atom": OF_TENSORS[output.name]}
        for term in output.terms():
            key = f"{boundary}_{names[term.kind]}"
            if key in data:
                swaps = not output.is_scalar and term.kind in ("force", "atom_virial")
                found[term.name] = np.moveaxis(data[key], 2, 1) if swaps else data[key]
    return found


def _inputs(data: Any) -> dict[str, Any]:
    nframes = len(data["coord"])
    atype = np.tile(data["atype"], (nframes, 1))
    given = {name: data[name] for name in ("fparam", "aparam", "spin") if name in data}
    return {"atom_types": atype, "atomic": True, **given}
