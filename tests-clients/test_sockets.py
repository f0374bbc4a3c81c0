# SPDX-License-Identifier: LGPL-3.0-or-later
"""i-PI's socket: ASE asks and `dp_ipi` answers, and the other way round i-PI asks our calculator in ASE's client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from ase.calculators.socketio import SocketIOCalculator
from ase.io import write
from ase.optimize import BFGS
from copper import rattled

INPUT = """
<simulation verbosity='low'>
  <output prefix='run'>
    <properties filename='out' stride='1'> [step, conserved, potential] </properties>
  </output>
  <total_steps>10</total_steps>
  <ffsocket mode='unix' name='driver' pbc='false'> <address>{name}</address> </ffsocket>
  <system>
    <initialize nbeads='1'>
      <file mode='ase'> init.extxyz </file>
      <velocities mode='thermal' units='kelvin'> 100 </velocities>
    </initialize>
    <forces> <force forcefield='driver'/> </forces>
    <motion mode='dynamics'>
      <dynamics mode='nve'> <timestep units='femtosecond'> 1.0 </timestep> </dynamics>
    </motion>
  </system>
</simulation>
"""
CLIENT = """
import sys, time
from ase.calculators.socketio import SocketClient
from ase.io import read
from deepmd.calculator import DP
atoms = read("init.extxyz")
atoms.calc = DP(sys.argv[2])
for _ in range(100):
    try:
        client = SocketClient(unixsocket=sys.argv[1])
        break
    except OSError:
        time.sleep(0.2)
client.run(atoms, use_stress=True)
"""


def test_ase_asks_dp_ipi(calculator, model, tmp_path):
    atoms, direct = rattled(2, 3), rattled(2, 3)
    direct.calc = calculator
    write(tmp_path / "atoms.xyz", atoms)
    name = f"dp_clients_{tmp_path.parent.name}"
    settings = {
        "graph_file": str(model),
        "coord_file": str(tmp_path / "atoms.xyz"),
        "atom_type": {"Cu": 0},
        "use_unix": True,
        "host": name,
    }
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with SocketIOCalculator(unixsocket=name) as server:
        atoms.calc = server
        command = [str(Path(sys.executable).with_name("dp_ipi")), str(tmp_path / "config.json")]
        with subprocess.Popen(command) as client:
            np.testing.assert_allclose(atoms.get_forces(), direct.get_forces(), atol=1e-7)
            np.testing.assert_allclose(atoms.get_stress(), direct.get_stress(), atol=1e-9)
            BFGS(atoms, logfile=None).run(fmax=0.5, steps=5)
            server.close()
            assert client.wait(30) == 0


def test_i_pi_asks_the_calculator(model, tmp_path):
    write(tmp_path / "init.extxyz", rattled(2, 3, size=0.02))
    name = f"dp_clients_ipi_{tmp_path.parent.name}"
    (tmp_path / "input.xml").write_text(INPUT.format(name=name))
    ipi = "from ipi.engine.simulation import Simulation; Simulation.load_from_xml(open('input.xml')).run()"
    with (
        subprocess.Popen([sys.executable, "-c", ipi], cwd=tmp_path) as server,
        subprocess.Popen([sys.executable, "-c", CLIENT, name, str(model)], cwd=tmp_path) as client,
    ):
        assert server.wait(120) == 0
        client.wait(30)
    conserved, potential = np.loadtxt(tmp_path / "run.out")[:, 1:3].T
    assert len(potential) == 11
    assert np.ptp(conserved) < 0.1 * np.ptp(potential)
