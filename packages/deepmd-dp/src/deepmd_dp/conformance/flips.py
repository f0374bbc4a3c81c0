# SPDX-License-Identifier: LGPL-3.0-or-later
"""Single bits of a file are turned over: it is refused in one line, or what it gives is the same."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract import walk_arrays
from deepmd.errors import DeepmdError
from deepmd_dp.conformance.evaluation import evaluate

if TYPE_CHECKING:
    from pathlib import Path

    from deepmd_dp.conformance.file_kinds import FileKind

FRAMES = "periodic and triclinic"


@dataclass
class Outcome:
    """What came of flips: how many were refused, how many changed nothing, and all others by their places."""

    refused: int = 0
    harmless: int = 0
    wrong: list[str] = field(default_factory=list)
    """Read without a word, with other numbers."""
    failed: list[str] = field(default_factory=list)
    """An error that is not one line for people."""


def try_flips(path: Path, file_kind: FileKind, number: int, seed: int = 0) -> Outcome:
    """Turns bits over, one at a time; the file is as before in the end.

    Parameters
    ----------
    path : Path
        The file, or one of several, alone in its folder.
    file_kind : FileKind
    number : int
        Of flips, at places spread evenly at random over all bytes of all files in the folder.
    seed : int
    """
    expected, outcome, rng = _content(path, file_kind), Outcome(), random.Random(seed)
    files = sorted(file for file in path.parent.rglob("*") if file.is_file())
    sizes = [file.stat().st_size for file in files]
    for _ in range(number):
        (file,) = rng.choices(files, sizes)
        whole = file.read_bytes()
        place, bit = rng.randrange(len(whole)), rng.randrange(8)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
        where = f"{file.name}, byte {place}, bit {bit}"
        try:
            is_same = _is_same(_content(path, file_kind), expected)
        except DeepmdError as error:
            outcome.refused += 1
            if len(str(error).splitlines()) != 1:
                outcome.failed.append(f"{where}: {error}")
        except Exception as error:  # whatever a reader lets pass is what is looked for
            outcome.failed.append(f"{where}: {type(error).__name__}: {error}")
        else:
            outcome.harmless += is_same
            outcome.wrong += [] if is_same else [where]
        file.write_bytes(whole)
    return outcome


def _content(path: Path, file_kind: FileKind) -> dict[str, Any]:
    """What the file gives for frames and, as a checkpoint, all that a training goes on with."""
    model = file_kind.backend.deep_eval(str(path))
    found = evaluate(model, FRAMES)
    model.close()
    if file_kind.is_checkpoint:
        state = file_kind.backend.trainer.read_checkpoint(str(path))
        found |= {"step": state.step, "loop": repr(state.loop), **state.optimizer, **dict(walk_arrays(state.model))}
    return found


def _is_same(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)
