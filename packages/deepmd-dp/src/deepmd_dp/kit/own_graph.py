# SPDX-License-Identifier: LGPL-3.0-or-later
"""A frozen file's own graph, which need not be what the document beside it says: what goes wrong is one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import DeepmdError, ModelFileError
from deepmd.infer.batch_size import is_out_of_memory
from deepmd.outputs import TermDef
from deepmd_dp.dialect.array import Float

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def running(path: str | None) -> Iterator[None]:
    """Within it the graph in this file runs; None: it is our own code that does.

    Raises
    ------
    ModelFileError
        For whatever a framework raises, unless memory was refused.
    """
    try:
        yield
    except DeepmdError:
        raise
    except Exception as error:
        if path is None or is_out_of_memory(error):
            raise
        # several frameworks put a heading first
        lines = [line for line in str(error).splitlines() if line.strip() and line != "Graph execution error:"]
        reason = f"{type(error).__name__}: {' '.join(lines[:1])}"[:300]
        raise ModelFileError(
            f"{path}: its graph fails ({reason}); it is damaged or of another program: get the file again."
        ) from error


def cut(
    array: Float[np.ndarray, "nframes ..."], term: TermDef, sizes: dict[str, int]
) -> Float[np.ndarray, "nframes ..."]:
    """A term without what belongs to frames and atoms that were added.

    Raises
    ------
    ValueError
        It has another shape than the model says.
    """
    shape = tuple(sizes.get(axis, 0) if isinstance(axis, str) else axis for axis in term.axes)
    own = array[tuple(slice(size) for size in shape)] if array.ndim == len(shape) else array
    if own.shape != shape:
        raise ValueError(f"{term.name} has the shape {own.shape}, expected {shape}")
    return own
