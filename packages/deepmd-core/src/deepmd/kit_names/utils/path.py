# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.path`: paths that load arrays."""

from __future__ import annotations

from pathlib import PosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike


class DPPath(PosixPath):
    """A path in the file system; groups of HDF5 files are read by `deepmd.data.System`.

    Parameters
    ----------
    path : str or Path
    mode : str
        Without effect.
    """

    def __new__(cls, path: str | Path, mode: str = "r") -> DPPath:
        """A path; DataError for what lies in an HDF5 file."""
        if "#" in str(path):
            raise DataError(f"{path} lies in an HDF5 file: `deepmd.data.System` reads systems there.")
        made: DPPath = super().__new__(cls, path)
        return made

    def load_numpy(self) -> np.ndarray:
        """The array in an npy file."""
        array: np.ndarray = np.load(self)
        return array

    def load_txt(self, dtype: DTypeLike = float, **options: Any) -> np.ndarray:
        """The numbers in a text file."""
        return np.loadtxt(self, dtype=dtype, **options)

    def save_numpy(self, arr: np.ndarray) -> None:
        """Writes an npy file."""
        np.save(self, arr)
