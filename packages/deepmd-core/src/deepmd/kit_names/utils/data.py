# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.data`: one system, which is `deepmd.data.System`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.data import DataRequirement, System

if TYPE_CHECKING:
    from deepmd.data import Batch


def as_dict(batch: Batch) -> dict[str, Any]:
    """A batch in deepmd-kit's form: an array of one row a frame for each item, and whether it was found."""
    labels = {key: values.reshape(batch.nframes, -1) for key, values in batch.labels.items()}
    box = np.zeros((batch.nframes, 9)) if batch.box is None else batch.box.reshape(-1, 9)
    found = {f"find_{key}": float(is_there) for key, is_there in batch.found.items()}
    frames = {"coord": batch.coord.reshape(batch.nframes, -1), "box": box, "type": batch.atype}
    return {**frames, "find_coord": 1.0, "find_box": float(batch.box is not None), **labels, **found}


class DeepmdData:
    """A system; its atoms are in the order of the files, where deepmd-kit sorts them by type.

    Parameters
    ----------
    sys_path : str
    set_prefix : str
        Sets are always named ``set.*``.
    shuffle_test : bool
        Whether `get_test` gives frames in random order.
    type_map : list of str, optional
        Names of the types; None: the system's own.
    **_options
        Without effect.
    """

    def __init__(
        self,
        sys_path: str,
        set_prefix: str = "set",
        shuffle_test: bool = True,
        type_map: list[str] | None = None,
        **_options: object,
    ) -> None:
        self.system = System(str(sys_path), type_map)
        self.nframes, self.pbc, self.mixed_type = self.system.nframes, self.system.pbc, self.system.mixed_type
        self._shuffles = shuffle_test
        self._rng = np.random.default_rng()
        self._ahead = np.zeros(0, dtype=np.int64)

    def add(
        self,
        key: str,
        ndof: int,
        atomic: bool = False,
        must: bool = False,
        high_prec: bool = False,
        type_sel: list[int] | None = None,
        repeat: int = 1,
        default: float = 0.0,
        **_options: object,
    ) -> DeepmdData:
        """Asks for an item, see `deepmd.data.DataRequirement`."""
        selected = None if type_sel is None else tuple(type_sel)
        item = DataRequirement(key, ndof, atomic, must, repeat, default, high_prec, selected)
        self.system.require([*self.system.requirements, item])
        return self

    def get_test(self, ntests: int = -1) -> dict[str, Any]:
        """The first frames, or all, as `as_dict` says."""
        order = self._rng.permutation(self.nframes) if self._shuffles else np.arange(self.nframes)
        return as_dict(self.system.read(order if ntests == -1 else order[:ntests]))

    def get_batch(self, batch_size: int) -> dict[str, Any]:
        """The next frames in random order, as `as_dict` says."""
        if not len(self._ahead):
            self._ahead = self._rng.permutation(self.system.frames_of_epoch())
        frames, self._ahead = self._ahead[:batch_size], self._ahead[batch_size:]
        return as_dict(self.system.read(frames))

    def get_natoms(self) -> int:
        """Atoms of a frame."""
        return self.system.natoms

    def get_ntypes(self) -> int:
        """Number of types."""
        return len(self.system.type_map)

    def get_type_map(self) -> list[str]:
        """Names of the types."""
        return self.system.type_map

    def get_atom_type(self) -> np.ndarray:
        """The type of each atom, (natoms,)."""
        return self.system.atype

    def get_numb_set(self) -> int:
        """Number of sets."""
        return len(self.system.sets)
