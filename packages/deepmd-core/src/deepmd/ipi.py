# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp_ipi`: computes energies, forces and virials for i-PI, over a socket.

The protocol is i-PI's [1]: headers of 12 characters, arrays as raw bytes, atomic units.

[1] V. Kapil et al., i-PI 2.0: a universal force engine for advanced molecular simulations, Comput. Phys. Commun. 236,
    214 (2019).
"""

from __future__ import annotations

import json
import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deepmd.errors import DeepmdError, InputError
from deepmd.infer import DeepPot

if TYPE_CHECKING:
    from deepmd.aliases import Section

log = logging.getLogger(__name__)

BOHR = 0.529177210903
"""Å, CODATA 2018."""
HARTREE = 27.211386245988
"""eV, CODATA 2018."""
HEADER = 12
UNIX_PREFIX = "/tmp/ipi_"
"""What i-PI puts before the name of a local socket."""


class Settings(NamedTuple):
    """The keys of the input file, deepmd-kit's.

    Attributes
    ----------
    graph_file : str
        Model of any backend.
    coord_file : str
        XYZ file whose second column onwards does not matter: it names the atoms in i-PI's order.
    atom_type : dict
        Type of each name, as the model counts.
    use_unix : bool
        A local socket, by the name `host`, instead of an address.
    """

    graph_file: str
    coord_file: str
    atom_type: dict[str, int]
    port: int = 31415
    host: str = "localhost"
    use_unix: bool = False
    verbose: bool = False


def main(arguments: list[str] | None = None) -> int:
    """The command ``dp_ipi CONFIG.json``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1 or arguments[0] in ("-h", "--help"):
        print("usage: dp_ipi CONFIG.json\nkeys:", ", ".join(Settings._fields))
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    try:
        settings = read_settings(arguments[0])
        logging.basicConfig(level=logging.DEBUG if settings.verbose else logging.INFO, format="%(message)s")
        Client(settings).run()
    except DeepmdError as error:
        print(f"dp_ipi: error: {error}", file=sys.stderr)
        return 1
    return 0


def read_settings(path: str) -> Settings:
    """The settings in an input file.

    Raises
    ------
    InputError
        It can't be read, lacks a key, or has one that is not known.
    """
    try:
        given: Section = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    unknown = sorted(set(given) - set(Settings._fields))
    missing = [key for key in Settings._fields[:3] if key not in given]
    if unknown or missing:
        raise InputError(f"{path}: unknown keys {unknown}, missing keys {missing}; there are {Settings._fields}.")
    return Settings(**given)


class Client:
    """Serves one run of i-PI until it says goodbye."""

    def __init__(self, settings: Settings) -> None:
        self._model = DeepPot(settings.graph_file)
        self._types = _read_types(settings)
        self._settings = settings
        self._results: tuple[float, np.ndarray, np.ndarray] | None = None

    def run(self) -> None:
        """Answers until i-PI exits or closes the connection."""
        with _connect(self._settings) as connection:
            self._connection = connection
            while True:
                header = self._receive(HEADER, allow_end=True).decode("ascii", "replace").strip()
                log.debug("i-PI: %s", header)
                if header in ("", "EXIT"):
                    return
                self._answer(header)

    def _answer(self, header: str) -> None:
        if header == "STATUS":
            self._send_header("HAVEDATA" if self._results else "READY")
        elif header == "INIT":
            self._integer()  # number of the bead
            self._receive(self._integer())
        elif header == "POSDATA":
            self._compute()
        elif header == "GETFORCE":
            self._send_results()
        else:
            raise InputError(f"i-PI sent {header!r}, which dp_ipi does not know; its version is too new.")

    def _compute(self) -> None:
        # i-PI's cell vectors are columns
        cell = self._reals(9).reshape(3, 3).T * BOHR
        self._reals(9)  # the inverse cell
        natoms = self._integer()
        if natoms != len(self._types):
            raise InputError(f"i-PI has {natoms} atoms, {self._settings.coord_file} {len(self._types)}.")
        coord = self._reals(3 * natoms) * BOHR
        energy, force, virial = self._model.eval(coord.reshape(1, -1), cell.reshape(1, 9), self._types)[:3]
        self._results = float(energy[0, 0]), np.asarray(force).reshape(-1), np.asarray(virial).reshape(-1)

    def _send_results(self) -> None:
        assert self._results is not None, "i-PI asks after it has sent positions"
        energy, force, virial = self._results
        self._results = None
        natoms, no_extra = np.int32(len(self._types)), np.int32(0)
        numbers = (np.float64(energy / HARTREE), natoms, force * (BOHR / HARTREE), virial / HARTREE, no_extra)
        self._send_header("FORCEREADY")
        self._connection.sendall(b"".join(each.tobytes() for each in numbers))

    def _send_header(self, text: str) -> None:
        self._connection.sendall(text.ljust(HEADER).encode())

    def _receive(self, size: int, *, allow_end: bool = False) -> bytes:
        content = bytearray()
        while len(content) < size:
            piece = self._connection.recv(size - len(content))
            if not piece:
                if allow_end and not content:
                    return b""
                raise InputError("i-PI closed the connection in the middle of a message.")
            content += piece
        return bytes(content)

    def _integer(self) -> int:
        return int(np.frombuffer(self._receive(4), dtype=np.int32)[0])

    def _reals(self, count: int) -> np.ndarray:
        return np.frombuffer(self._receive(8 * count), dtype=np.float64)


def _connect(settings: Settings) -> socket.socket:
    where: Any = UNIX_PREFIX + settings.host if settings.use_unix else (settings.host, settings.port)
    connection = socket.socket(socket.AF_UNIX if settings.use_unix else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.connect(where)
    except OSError as error:
        connection.close()
        raise InputError(f"no i-PI answers at {where} ({error}); start it first.") from error
    return connection


def _read_types(settings: Settings) -> np.ndarray:
    """Types of the atoms in the XYZ file, (natoms,)."""
    try:
        lines = Path(settings.coord_file).read_text(encoding="utf-8").splitlines()
        names = [line.split()[0] for line in lines[2 : 2 + int(lines[0])]]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{settings.coord_file} cannot be read as an XYZ file: {error}.") from error
    unknown = sorted(set(names) - set(settings.atom_type))
    if unknown:
        raise InputError(
            f"{settings.coord_file} has atoms {unknown}, atom_type tells {sorted(settings.atom_type)} only."
        )
    return np.array([settings.atom_type[name] for name in names], dtype=np.int64)
