# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a signal leaves of a training in a process of its own."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest
import toy_training
from toy_backend import ToyTrainer

ENDLESS = {"numb_steps": 10_000_000, "save_freq": 5_000_000, "disp_freq": 100}


@pytest.fixture
def folder(tmp_path):
    toy_training.prepare(tmp_path, **ENDLESS)
    return tmp_path


def wait_for_rows(folder, process):
    """Until it trains."""
    end = time.monotonic() + 60
    while not (folder / "lcurve.out").is_file() or (folder / "lcurve.out").stat().st_size < 500:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def the_checkpoint(folder):
    """The step of the one that the signal made."""
    name = (folder / "checkpoint").read_text()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    return ToyTrainer.read_checkpoint(folder / name).step


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_training_with_a_checkpoint(folder, number):
    command, environment = toy_training.command("train", "input.json")
    # as a shell in the foreground: pytest may run in the background, where SIGINT is ignored
    command = [command[0], "-c", "import os, signal, sys\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_DFL)\n"
               "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])", *command[1:]]  # fmt: skip
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for_rows(folder, process)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}" in said and "Traceback" not in said
    assert the_checkpoint(folder) > 100


def test_nohup_keeps_a_training_alive(folder):
    command, environment = toy_training.command("train", "input.json")
    command = ["nohup", *command]
    with subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        wait_for_rows(folder, process)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None
        process.kill()
        process.communicate()


def test_a_terminal_that_is_closed_ends_a_training_with_a_checkpoint(folder):
    """The bar and the messages can't be written any more, as after a lost connection."""
    command, environment = toy_training.command("train", "input.json")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # pytest may itself run under nohup
        os.execve(command[0], command, environment)
    while not (folder / "lcurve.out").is_file() or (folder / "lcurve.out").stat().st_size < 500:
        os.read(terminal, 65536)
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert the_checkpoint(folder) > 100
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
