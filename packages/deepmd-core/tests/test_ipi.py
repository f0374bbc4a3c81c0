# SPDX-License-Identifier: LGPL-3.0-or-later
"""dp_ipi: driven by i-PI itself, and its answers byte by byte."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import uuid

import numpy as np
import pytest
from morse import install, make_frames, write_model

from deepmd import ipi
from deepmd.infer import DeepPot

COORD, CELL, ATYPE = make_frames(nframes=1)
INPUT = """
<simulation verbosity='low'>
  <output prefix='run'>
    <properties filename='out' stride='1'> [step, conserved, potential] </properties>
  </output>
  <total_steps>60</total_steps>
  <ffsocket mode='unix' name='driver' pbc='false'> <address>{name}</address> </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='xyz'> init.xyz </file>
      <velocities mode='thermal' units='kelvin'> 30 </velocities>
    </initialize>
    <forces> <force forcefield='driver'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'> 0.25 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
"""


@pytest.fixture
def settings(monkeypatch, tmp_path):
    install(monkeypatch)
    names = ["OH"[t] for t in ATYPE]
    rows = [f"{name} {x:.10f} {y:.10f} {z:.10f}" for name, (x, y, z) in zip(names, COORD[0], strict=True)]
    edges = " ".join(f"{CELL[0][i][i]:.10f}" for i in range(3))
    comment = f"# CELL(abcABC): {edges} 90 90 90 cell{{angstrom}} positions{{angstrom}}"
    (tmp_path / "init.xyz").write_text("\n".join([str(len(names)), comment, *rows, ""]))
    return {
        "graph_file": str(write_model(tmp_path / "water.morse")),
        "coord_file": str(tmp_path / "init.xyz"),
        "atom_type": {"O": 0, "H": 1},
    }


def write(path, settings):
    path.write_text(json.dumps(settings))
    return str(path)


def test_energy_is_conserved_in_i_pi(settings, tmp_path):
    pytest.importorskip("ipi")
    name = f"dp_ipi_test_{uuid.uuid4().hex[:16]}"  # sockets of all programs lie in one folder
    (tmp_path / "input.xml").write_text(INPUT.format(name=name))
    command = [sys.executable, "-c", "from ipi.scripting import *; from ipi.engine.simulation import Simulation; "
               "Simulation.load_from_xml(open('input.xml')).run()"]  # fmt: skip
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        config = write(tmp_path / "config.json", settings | {"use_unix": True, "host": name})
        codes = []
        client = threading.Thread(target=lambda: codes.append(_when_ready(config)), daemon=True)
        client.start()
        printed, _ = server.communicate(timeout=120)
    client.join(20)
    assert server.returncode == 0, printed
    assert codes == [0]
    conserved, potential = np.loadtxt(tmp_path / "run.out")[:, 1:3].T
    assert np.ptp(potential) > 0
    assert np.ptp(conserved) < 0.02 * np.ptp(potential)


def _when_ready(config):
    """The client's exit code, once a server listens."""
    for _ in range(200):
        code = ipi.main([config])
        if code == 0:
            break
        time.sleep(0.3)
    return code


def test_answers(settings, tmp_path):
    """The server's side by hand: units, cell by columns, virial."""
    ours, theirs = socket.socketpair()
    client = ipi.Client(ipi.read_settings(write(tmp_path / "config.json", settings)))
    cell = np.array([[9.0, 0, 0], [0.5, 9.5, 0], [0.2, 0.3, 10.0]])
    with ours, theirs, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(ipi, "_connect", lambda _: theirs)
        thread = threading.Thread(target=client.run, daemon=True)
        thread.start()

        def header():
            return ours.recv(12, socket.MSG_WAITALL).decode().strip()

        ours.sendall(b"STATUS".ljust(12))
        assert header() == "READY"
        parts = (cell.T / ipi.BOHR, np.linalg.inv(cell.T / ipi.BOHR), np.int32(len(ATYPE)), COORD[0] / ipi.BOHR)
        ours.sendall(b"POSDATA".ljust(12) + b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
        ours.sendall(b"STATUS".ljust(12))
        assert header() == "HAVEDATA"
        ours.sendall(b"GETFORCE".ljust(12))
        assert header() == "FORCEREADY"
        count = len(ATYPE)
        content = ours.recv(8 + 4 + 24 * count + 72 + 4, socket.MSG_WAITALL)
        ours.sendall(b"EXIT".ljust(12))
        thread.join(10)
    energy, force, virial = DeepPot(settings["graph_file"]).eval(COORD[0].reshape(1, -1), cell.reshape(1, 9), ATYPE)
    numbers = np.frombuffer(content[12 : 12 + 24 * count + 72], dtype=np.float64)
    np.testing.assert_allclose(np.frombuffer(content[:8])[0] * ipi.HARTREE, energy[0, 0], rtol=1e-12)
    np.testing.assert_allclose(numbers[: 3 * count] * ipi.HARTREE / ipi.BOHR, force.ravel(), atol=1e-12)
    np.testing.assert_allclose(numbers[3 * count :] * ipi.HARTREE, virial.ravel(), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"host": "nobody", "use_unix": True}, "no i-PI answers"),
        ({"atom_type": {"O": 0}}, "has atoms"),
        ({"coord_file": "none.xyz"}, "cannot be read as an XYZ file"),
        ({"colour": 1}, "unknown keys"),
    ],
)
def test_mistakes_are_named(settings, tmp_path, change, message, capsys):
    assert ipi.main([write(tmp_path / "config.json", settings | change)]) == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert len(printed.splitlines()) == 1
