# SPDX-License-Identifier: LGPL-3.0-or-later
"""One system: frames that all have the same number of atoms."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deepmd.data.batch import Batch, check_meaning
from deepmd.data.open_source import open_source
from deepmd.data.rows import CHUNK_NUMBERS, check_cells, check_finite, check_shape, iterate_rows, read_rows
from deepmd.data.types import TypeMapping, check_types, read_types, type_names
from deepmd.data.virtual_spins import with_spins
from deepmd.errors import DataError
from deepmd.files.reading import reading
from deepmd.limits import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from deepmd.data.batch import DataRequirement

log = logging.getLogger(__name__)

REAL_TYPES = "real_atom_types"
COPIES = "numb_copy"


class Places(NamedTuple):
    """Where some frames lie: for each set its number, which of the frames they are, and their rows in its files."""

    nframes: int
    parts: list[tuple[int, slice | np.ndarray, np.ndarray]]


class System:
    """Frames in a folder, an HDF5 group or a group of an LMDB database, read from disk as they are asked for.

    Opening reads the types and the shapes only. The numbers are checked once, piece by piece, before the first
    frame is given (`check`).

    Parameters
    ----------
    path : str
        Folder, ``file.hdf5#/group``, or ``database.lmdb#SYSTEM/NATOMS``.
    type_map : list of str, optional
        Names of the model's types; None: the system's own.
    requirements : iterable of DataRequirement
        The labels wanted.
    virtual_scale : mapping, optional
        Of a model of spins, see `deepmd.data.virtual_spins`: virtual atoms in the data are read as spins.

    Attributes
    ----------
    name : str
        The path.
    natoms : int
        Atoms of a frame, virtual atoms included.
    nframes : int
    pbc : bool
        Periodic in all directions; False where there is a file ``nopbc``.
    mixed_type : bool
        Whether each frame has its own types (``set.*/real_atom_types.npy``).

    Raises
    ------
    DataError
        A file is missing or misshapen, or an element is not in the type map.
    """

    def __init__(
        self,
        path: str,
        type_map: list[str] | None = None,
        requirements: Iterable[DataRequirement] = (),
        virtual_scale: Mapping[str, float] | None = None,
    ) -> None:
        self.name = str(path)
        with self._reading():
            self._open(type_map, virtual_scale or {})
        self._checked: set[str] = set()
        self.require(requirements)

    def _open(self, type_map: list[str] | None, virtual_scale: Mapping[str, float]) -> None:
        self.source = with_spins(open_source(self.name), type_map or [], virtual_scale)
        types = read_types(self.source)
        self.natoms = len(types)
        self.pbc = not self.source.has("nopbc")
        self.sets = self.source.sets()
        if not self.sets:
            raise DataError(f"system {self.name}: neither folders set.* nor coord.raw; one of them holds the frames.")
        self.mixed_type = self._is_in_sets(REAL_TYPES)
        self.type_map = list(type_map) if type_map else type_names(self.source, types)
        if type_map and not self.source.has("type_map.raw"):
            log.warning("system %s has no type_map.raw: the model's order of types is taken: %s", self.name, type_map)
        self._mapping = TypeMapping(self.source, self.type_map)
        if self.mixed_type:
            self.atype = np.full(self.natoms, -1, dtype=np.int64)
        else:
            self._mapping.check(np.unique(types), f"system {self.name}")
            self.atype = self._mapping(types)
        self._set_nframes = [self._count_frames(set_name) for set_name in self.sets]
        self._first = np.concatenate([[0], np.cumsum(self._set_nframes)])
        self.nframes = int(self._first[-1])
        self._check_shapes()

    def _reading(self) -> AbstractContextManager[None]:
        """Within it the files are read, which may be damaged in any way."""
        return reading(self.name.partition("#")[0], DataError)

    def __repr__(self) -> str:
        return f"System({self.name!r}, natoms={self.natoms}, nframes={self.nframes})"

    def require(self, requirements: Iterable[DataRequirement]) -> None:
        """Sets the labels that batches hold.

        Raises
        ------
        DataError
            One that must be there is missing, is in some sets only, or has the wrong shape.
        """
        self.requirements = list(requirements)
        self._is_checked = False
        self._files = {item.key: self._file_key(item) for item in self.requirements}
        self.found = {key: file is not None for key, file in self._files.items()}
        self._of_selected = {item.key for item in self.requirements if self._is_of_selected(item)}
        for item in self.requirements:
            if self.found[item.key]:
                self._check_shape(str(self._files[item.key]), self._width(item), self._meaning(item))

    def check(self) -> None:
        """Reads all that is used once, with bounded memory, unless that was done before.

        Raises
        ------
        DataError
            A number is not finite, a cell has no volume, a type is unknown, or a model has no use for what it takes:
            names the file and the frame.
        """
        if self._is_checked:
            return
        with self._reading():
            for key, width in self._used().items():
                if key not in self._checked:
                    self._check_numbers(key, width)
                    self._checked.add(key)
        self._check_meanings()
        self._is_checked = True

    def read(self, frames: Iterable[int]) -> Batch:
        """The frames with these numbers, in this order."""
        self.check()
        return self._read(np.asarray(frames, dtype=np.int64))

    def _read(self, frames: np.ndarray) -> Batch:
        places = self._places(frames)
        return Batch(
            coord=self._rows("coord", self.natoms * 3, places).reshape(-1, self.natoms, 3),
            box=self._rows("box", 9, places).reshape(-1, 3, 3) if self.pbc else None,
            atype=self._types(places),
            labels={item.key: self._label(item, places) for item in self.requirements},
            found=dict(self.found),
            system=self.name,
            frames=frames,
            mixed_types=self.mixed_type,
        )

    def batches(self, batch_size: int, frames: Iterable[int] | None = None) -> Iterator[Batch]:
        """The frames given (default: all, in the files' order) in batches of at most ``batch_size``."""
        frames = np.arange(self.nframes) if frames is None else np.asarray(frames, dtype=np.int64)
        for start in range(0, len(frames), batch_size):
            yield self.read(frames[start : start + batch_size])

    def observed_types(self) -> list[str]:
        """Names of the types that occur, in the order of the type map; all sets are read where frames have their own.

        Raises
        ------
        DataError
            A type is unknown.
        """
        if self.mixed_type:
            self._check_numbers(REAL_TYPES, self.natoms)
        return [self.type_map[number] for number in np.flatnonzero(self.numbers_of_types()[0].sum(axis=0))]

    def compositions(self) -> dict[str, int]:
        """The frames of each composition, such as ``H2O``, elements in the order of the type map."""
        numbers, frames = self.numbers_of_types()
        return dict(zip(map(self._formula, numbers.tolist()), np.bincount(frames).tolist(), strict=True))

    def _formula(self, numbers: list[int]) -> str:
        pairs = zip(self.type_map, numbers, strict=True)
        return "".join(f"{name}{number if number > 1 else ''}" for name, number in pairs if number)

    def numbers_of_types(self) -> tuple[np.ndarray, np.ndarray]:
        """The compositions, each as its real atoms by type, (ncompositions, ntypes), and each frame's, (nframes,)."""
        if not self.mixed_type:
            numbers = np.bincount(self.atype + 1, minlength=len(self.type_map) + 1)[1:]
            return numbers[None], np.zeros(self.nframes, dtype=np.int64)
        rows, frames = np.unique(np.concatenate(list(self._count_types())), axis=0, return_inverse=True)
        return rows, frames.ravel()

    def _count_types(self) -> Iterator[np.ndarray]:
        """Real atoms of each type in each frame, (n, ntypes), piece by piece."""
        size = len(self.type_map) + 1
        for set_name, nframes in zip(self.sets, self._set_nframes, strict=True):
            for _, piece in iterate_rows(self.source.array(set_name, REAL_TYPES), nframes, self.natoms):
                # virtual atoms are counted first in each row
                places = self._mapping(piece.astype(np.int64)) + 1 + size * np.arange(len(piece))[:, None]
                yield np.bincount(places.ravel(), minlength=size * len(piece)).reshape(-1, size)[:, 1:]

    def has_label(self, key: str) -> bool:
        """Whether a label is required and there."""
        return self.found.get(key, False)

    def column(self, key: str) -> np.ndarray:
        """A required label with one number a frame, of all frames, (nframes,)."""
        self.check()
        return self._rows(str(self._files[key]), 1, self._places(np.arange(self.nframes)))[:, 0]

    def items(self) -> set[str]:
        """What the first set holds: ``coord``, ``energy``, ..."""
        return self.source.items(self.sets[0])

    def frames_of_epoch(self) -> np.ndarray:
        """Numbers of the frames that an epoch takes: each once, or as often as ``set.*/numb_copy.npy`` says.

        Raises
        ------
        DataError
            A number of copies is none, or all are 0.
        """
        frames = np.arange(self.nframes)
        if not self._is_in_sets(COPIES):
            return frames
        self._check_shape(COPIES, 1, "how often the frame is taken")
        copies = self._rows(COPIES, 1, self._places(frames))[:, 0]
        wrong = np.flatnonzero(~np.isfinite(copies) | (copies < 0) | (copies != np.rint(copies)))
        where = f"system {self.name}, {COPIES}"
        if len(wrong):
            raise DataError(f"{where}: frame {wrong[0]} has {copies[wrong[0]]:g}, expected 0, 1, 2, ...")
        if not copies.any():
            raise DataError(f"{where}: 0 for all frames; leave the system out instead.")
        return np.repeat(frames, copies.astype(np.int64))

    # structure

    def _is_in_sets(self, key: str) -> bool:
        """Whether the sets have an item; DataError where some do and some don't."""
        lacking = [name for name in self.sets if not self.source.exists(name, key)]
        if lacking and len(lacking) < len(self.sets):
            raise DataError(f"{self.source.where(lacking[0], key)} is missing, while other sets of the system have it.")
        return not lacking

    def _count_frames(self, set_name: str) -> int:
        if not self.source.exists(set_name, "coord"):
            raise DataError(f"{self.source.where(set_name, 'coord')} is missing.")
        array = self.source.array(set_name, "coord")
        # one frame may be stored without the axis of the frames
        nframes = array.shape[0] if array.ndim > 1 and array.size != self.natoms * 3 else 1
        if nframes == 0:
            raise DataError(f"{self.source.where(set_name, 'coord')}: no frames; remove this set.")
        return nframes

    def _check_shapes(self) -> None:
        self._check_shape("coord", self.natoms * 3, f"3 for each of the {self.natoms} atoms in type.raw")
        if self.mixed_type:
            self._check_shape(REAL_TYPES, self.natoms, f"one for each of the {self.natoms} atoms in type.raw")
        if not self.pbc:
            return
        if not self._is_in_sets("box"):
            where = self.source.where(self.sets[0], "box")
            raise DataError(f"{where} is missing; for open boundaries put an empty file `nopbc` beside type.raw.")
        self._check_shape("box", 9, "three cell vectors")

    def _check_shape(self, key: str, width: int, meaning: str) -> None:
        for set_name, nframes in zip(self.sets, self._set_nframes, strict=True):
            where = self.source.where(set_name, key)
            check_shape(self.source.array(set_name, key), nframes, width, where, meaning)

    def _file_key(self, item: DataRequirement) -> str | None:
        """The name that an item has on disk."""
        for name in item.file_names:
            if self._is_in_sets(name):
                return name
        if item.must:
            first, *others = item.file_names
            also = f" (or {others[0]})" if others else ""
            raise DataError(
                f"{self.source.where(self.sets[0], first)}{also} is missing; the model or the loss needs it."
            )
        return None

    def _is_selected(self, item: DataRequirement) -> np.ndarray:
        """Whether each atom has the item, (natoms,), in a system whose frames have the same types."""
        return np.isin(self.atype, item.selected_types or ())

    def _is_of_selected(self, item: DataRequirement) -> bool:
        """Whether the file has numbers for atoms of the selected types only."""
        file = self._files[item.key]
        if file is None or not item.atomic or item.selected_types is None or self.mixed_type:
            return False
        size = self.source.array(self.sets[0], file).size
        return size == self._set_nframes[0] * item.ndof * int(self._is_selected(item).sum())

    def _width(self, item: DataRequirement) -> int:
        """Numbers of a frame on disk."""
        if not item.atomic:
            return item.ndof
        size = int(self._is_selected(item).sum()) if item.key in self._of_selected else self.natoms
        return item.width(self.natoms) * size

    def _meaning(self, item: DataRequirement) -> str:
        """What the numbers of a frame are, for messages."""
        if not item.atomic:
            return f"{item.ndof} per frame"
        text = f"{item.width(self.natoms)} for each of {self.natoms} atoms"
        if item.selected_types is None or self.mixed_type:
            return text
        return f"{text}, or for each of the {self._is_selected(item).sum()} whose type is selected"

    # numbers

    def _used(self) -> dict[str, int]:
        """Names on disk and numbers per frame of all that batches hold."""
        used = {"coord": self.natoms * 3}
        if self.pbc:
            used["box"] = 9
        if self.mixed_type:
            used[REAL_TYPES] = self.natoms
        return used | {
            str(self._files[item.key]): self._width(item) for item in self.requirements if self.found[item.key]
        }

    def _check_numbers(self, key: str, width: int) -> None:
        for set_name, nframes in zip(self.sets, self._set_nframes, strict=True):
            array, where = self.source.array(set_name, key), self.source.where(set_name, key)
            check_finite(array, nframes, width, where, LARGEST.get(key, np.inf))
            if key == "box":
                check_cells(array, nframes, where)
            if key == REAL_TYPES:
                for start, piece in iterate_rows(array, nframes, width):
                    check_types(piece, start, where)
                    self._mapping.check(np.unique(piece), where)

    def _check_meanings(self) -> None:
        wanted = [(item.key, item.problem) for item in self.requirements if item.problem and self.found[item.key]]
        step = max(1, CHUNK_NUMBERS // (9 * self.natoms))
        for start in range(0, self.nframes if wanted else 0, step):
            batch = self._read(np.arange(start, min(start + step, self.nframes)))
            for key, problem in wanted:
                check_meaning(batch, key, problem)

    def _places(self, frames: np.ndarray) -> Places:
        """Where frames lie.

        Raises
        ------
        DataError
            A number is not one of a frame.
        """
        outside = frames[(frames < 0) | (frames >= self.nframes)]
        if len(outside):
            raise DataError(f"system {self.name}: frame {outside[0]} asked for, it has {self.nframes}.")
        if len(self.sets) == 1:
            return Places(len(frames), [(0, slice(None), frames)])
        set_of = np.searchsorted(self._first, frames, side="right") - 1
        masks = [(index, set_of == index) for index in np.unique(set_of).tolist()]
        return Places(len(frames), [(index, mask, frames[mask] - self._first[index]) for index, mask in masks])

    def _rows(self, key: str, width: int, places: Places) -> np.ndarray:
        """An item of some frames, (nframes, width) float64."""
        out = np.empty((places.nframes, width))
        for index, chosen, rows in places.parts:
            array = self.source.array(self.sets[index], key)
            out[chosen] = read_rows(array, rows, self._set_nframes[index], width)
        return out

    def _types(self, places: Places) -> np.ndarray:
        if self.mixed_type:
            return self._mapping(self._rows(REAL_TYPES, self.natoms, places).astype(np.int64))
        return np.tile(self.atype, (places.nframes, 1))

    def _label(self, item: DataRequirement, places: Places) -> np.ndarray:
        width = item.width(self.natoms)
        shape = (places.nframes, self.natoms, width) if item.atomic else (places.nframes, width)
        file = self._files[item.key]
        if file is None:
            values = np.full(shape, item.default, dtype=np.float64)
        elif item.key in self._of_selected:
            values = np.zeros(shape)
            rows = self._rows(file, self._width(item), places)
            values[:, self._is_selected(item)] = rows.reshape(places.nframes, -1, item.ndof)
        else:
            values = self._rows(file, self._width(item), places).reshape(shape)
        return np.repeat(values, item.repeat, axis=-1) if item.repeat > 1 else values
