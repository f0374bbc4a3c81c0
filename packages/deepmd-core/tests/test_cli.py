# SPDX-License-Identifier: LGPL-3.0-or-later
"""The command line of `dp`."""

from __future__ import annotations

import errno
import json
import logging
import os
import platform
import resource
import signal
import subprocess
import sys
from importlib import import_module

import pytest

from deepmd import main as dp
from deepmd.commands import COMMANDS, NOT_YET
from deepmd.errors import InputError, ModelFileError

HEAVY = {"numpy", "h5py", "yaml", "rich", "dargs", "safetensors", "torch", "tensorflow", "jax", "paddle", "deepmd_dp"}


@pytest.fixture(autouse=True)
def no_default_backend(monkeypatch):
    monkeypatch.delenv("DP_BACKEND", raising=False)


@pytest.fixture
def loggers():
    """Puts the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers, root.level = handlers, level


def run_dp(*args, **kwargs):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "deepmd", *args]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, **kwargs)


def test_help_is_quick():
    # the processor's time, since that of the clock tells of the machine's other work too
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run_dp("-h").returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


@pytest.mark.parametrize("args", [["-h"], ["train", "-h"]])
def test_help_imports_neither_numpy_nor_a_framework(args):
    code = (
        "import sys\nfrom deepmd.main import main\n"
        f"try:\n    main({args})\nexcept SystemExit:\n    print(sorted({HEAVY} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_lists_the_commands_and_the_rule_for_the_backend():
    text = " ".join(run_dp("-h").stdout.split())
    for name in [*COMMANDS, *NOT_YET]:
        assert f" {name} " in text
    assert "the first of tf, pt, jax, pd that is installed" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_a_module(name, capsys):
    with pytest.raises(SystemExit) as caught:
        dp.parse_args([name, "-h"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--log-level" in text
    for example in COMMANDS[name].examples:
        assert example in text
        dp.parse_args(example.split()[1:])
    assert callable(import_module(f"deepmd.entrypoints.{name.replace('-', '_')}").run)


# the attributes that deepmd-kit's own sub-commands give, with their defaults
DEFAULTS = {
    "train in.json": {
        "INPUT": "in.json",
        "init_model": None,
        "restart": None,
        "init_frz_model": None,
        "finetune": None,
        "use_pretrain_script": False,
        "output": "out.json",
        "skip_neighbor_stat": False,
        "model_branch": "",
        "force_load": False,
    },
    "freeze": {
        "checkpoint_folder": ".",
        "output": "frozen_model",
        "node_names": None,
        "nvnmd_weight": None,
        "head": None,
        "hessian": False,
        "lower_kind": "nlist",
    },
    "test": {
        "model": "frozen_model",
        "system": ".",
        "datafile": None,
        "train_json": None,
        "valid_json": None,
        "set_prefix": None,
        "numb_test": 0,
        "rand_seed": None,
        "shuffle_test": False,
        "detail_file": None,
        "atomic": False,
        "head": None,
    },
    "convert-backend a b": {"INPUT": "a", "OUTPUT": "b", "atomic_virial": False},
    "show m size type-map": {"INPUT": "m", "ATTRIBUTES": ["size", "type-map"]},
    "neighbor-stat -r 6": {"system": ".", "rcut": 6.0, "type_map": None, "mixed_type": False},
    "model-devi": {
        "models": ["graph.000", "graph.001", "graph.002", "graph.003"],
        "system": ".",
        "output": "model_devi.out",
        "frequency": 1,
        "real_error": False,
        "atomic": False,
        "relative": None,
        "relative_v": None,
    },
    "eval-desc": {"model": "frozen_model", "system": ".", "datafile": None, "output": "desc", "dtype": "native"},
    "doc-train-input": {"out_type": "rst", "multi_task": False},
}


@pytest.mark.parametrize("line", DEFAULTS)
def test_the_namespace_is_that_of_deepmd_kit(line):
    namespace = vars(dp.parse_args(line.split()))
    assert DEFAULTS[line].items() <= namespace.items()
    assert namespace["log_level"] == logging.INFO
    assert namespace["log_path"] is None
    assert namespace["backend"] is None


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("--pt backends", "pt"),
        ("--pytorch backends", "pt"),
        ("-b pytorch backends", "pt"),
        ("--np backends", "dp"),
        ("--tf backends", "tf"),
        ("-b toy backends", "toy"),
    ],
)
def test_a_backend_is_known_by_its_first_flag(line, flag):
    assert dp.parse_args(line.split()).backend == flag


def test_the_environment_gives_the_default_backend(monkeypatch):
    monkeypatch.setenv("DP_BACKEND", "tensorflow")
    assert dp.parse_args(["backends"]).backend == "tf"
    assert dp.parse_args(["--jax", "backends"]).backend == "jax"


@pytest.mark.parametrize(("given", "level"), [("DEBUG", 10), ("3", 10), ("2", 20), ("WARNING", 30), ("0", 40)])
def test_log_levels_are_names_or_numbers(given, level):
    assert dp.parse_args(["backends", "-v", given]).log_level == level


@pytest.mark.parametrize(
    "line",
    [
        "train in.json --use-pretrain-script",
        "train in.json --model-branch A",
        "train in.json --force-load",
        "freeze --head A",
        "freeze -n o_energy",
        "freeze --hessian",
        "test --model-branch A",
        "doc-train-input --multi-task",
    ],
)
def test_flags_that_cannot_act_are_refused(line):
    flag = next(word for word in line.split()[1:] if word.startswith("-"))
    with pytest.raises(InputError, match=f"^{flag} is not in this version yet: "):
        dp.parse_args(line.split())


@pytest.mark.parametrize("line", ["train in.json -m workers", "test -S set", "convert-backend a b --atomic-virial"])
def test_flags_without_effect_are_noted(line):
    (note,) = dp.parse_args(line.split()).notes
    assert "has no effect: " in note


@pytest.mark.parametrize(
    "line",
    [
        "",
        "train",
        "train in.json -i a -r b",
        "test --no-such-flag",
        "neighbor-stat",
        "--pt --tf backends",
        "no-such-command",
    ],
)
def test_a_wrong_command_line_ends_with_status_2(line, capsys):
    with pytest.raises(SystemExit) as caught:
        dp.main(line.split())
    assert caught.value.code == 2
    assert "usage: dp" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trian in.json", "there is no command 'trian'; perhaps `train` is meant"),
        ("xyzzy", "there is no command 'xyzzy'; `dp -h` lists them"),
        ("convert-to a b", "there is no command 'convert-to'; perhaps `convert-backend` is meant"),
        ("train in.json --pt", "--pt goes before the command: `dp --pt train ...`"),
        ("train --tf in.json", "--tf goes before the command: `dp --tf train ...`"),
        ("freeze -b pt", "-b goes before the command: `dp -b NAME freeze ...`"),
        ("test --backend=pt", "--backend goes before the command: `dp --backend NAME test ...`"),
        (
            "--pt train in.json --restrat x",
            "unrecognized arguments: --restrat x; perhaps `--restart` is meant",
        ),
        ("--torch train in.json", "unrecognized arguments: --torch; perhaps `dp --pt train ...` is meant"),
        ("train", "INPUT is missing, as in `dp --pt train input.json`"),
        (
            "--torch train",
            "INPUT is missing, as in `dp --pt train input.json`; --torch is no flag; "
            "perhaps `dp --pt train ...` is meant",
        ),
        ("--pt convert-backend a.pth", "OUTPUT is missing, as in `dp convert-backend model.pth model.dp`"),
        ("test model.pth", "unrecognized arguments: model.pth; a model is given by `-m FILE`, data by `-s FOLDER`"),
        ("--gpu train in.json", "unrecognized arguments: --gpu; `dp train -h` lists the flags"),
        ("test --xyzzy", "unrecognized arguments: --xyzzy; `dp test -h` lists the flags"),
        (
            "test -s data/a data/b -n 3",
            "unrecognized arguments: data/b; -s takes one folder, and searches it for all systems: leave out the `*`",
        ),
    ],
)
def test_what_was_meant_is_told(line, said, capsys):
    with pytest.raises(SystemExit):
        dp.main(line.split())
    head, _, message = capsys.readouterr().err.splitlines()[-1].partition(": error: ")
    assert head.startswith("dp")
    assert message == said


def test_the_usage_of_the_command_is_shown_with_a_wrong_flag(capsys):
    with pytest.raises(SystemExit):
        dp.main(["train", "in.json", "--restrat", "x"])
    assert capsys.readouterr().err.startswith("usage: dp train ")


@pytest.mark.parametrize("name", NOT_YET)
def test_commands_that_are_not_there_yet_say_so(name, loggers):
    with pytest.raises(SystemExit) as caught:
        dp.main([name, "-i", "x", "--some", "flag"])
    purpose, remedy = NOT_YET[name]
    assert caught.value.code == (
        f"dp: error: `dp {name}` (to {purpose}) is not in this version of deepmd-core yet; {remedy}."
    )


def test_a_users_mistake_is_one_line_with_status_1():
    result = run_dp("train", "no_such_input.json")
    assert result.returncode == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("dp: error: ")
    assert "no_such_input.json" in line


def test_ctrl_c_ends_with_status_130(monkeypatch, loggers):
    def interrupt(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("deepmd.entrypoints.backends.run", interrupt)
    with pytest.raises(SystemExit) as caught:
        dp.main(["backends"])
    assert caught.value.code == 130


STOPPED = """
import os, signal, sys, time
from deepmd.files import atomic_path
from deepmd.main import main

class Swallows:
    def __del__(self):
        os.kill(os.getpid(), {signal})
        time.sleep(60)

def work(args):
    print("so far")
    with atomic_path("model.dp") as temporary:
        temporary.write_text("half")
        Swallows()
        time.sleep(60)

sys.modules["deepmd.entrypoints.backends"] = type(sys)("backends")
sys.modules["deepmd.entrypoints.backends"].run = work
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where pytest runs under nohup
sys.argv = ["dp", "backends"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_a_command_in_good_order(tmp_path, number):
    """Also one that comes while a destructor runs, which swallows what is raised there."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", STOPPED.format(signal=int(number))]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    assert (result.returncode, result.stdout, result.stderr) == (-number, "so far\n", "")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(monkeypatch, loggers):
    def write(args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("deepmd.entrypoints.backends.run", write)
    with pytest.raises(SystemExit, match="dp: error: No space left on device"):
        dp.main(["backends"])


def test_a_reader_that_stops_early_is_no_error():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    line = f"{sys.executable} -m deepmd doc-train-input -v ERROR | head -n 1"
    result = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("model")
    assert result.stderr == ""


def test_messages_go_to_a_file_too(tmp_path, monkeypatch, loggers, capsys):
    def work(args):
        logging.getLogger("deepmd.some.module").info("hello")
        logging.getLogger("torch").info("chatter")

    monkeypatch.setattr("deepmd.entrypoints.backends.run", work)
    dp.main(["backends", "-l", str(tmp_path / "dp.log")])
    assert capsys.readouterr().err == "hello\n"
    assert "INFO    deepmd.some.module: hello" in (tmp_path / "dp.log").read_text()
    assert "chatter" not in (tmp_path / "dp.log").read_text()


def test_quiet(monkeypatch, loggers, capsys):
    monkeypatch.setattr("deepmd.entrypoints.backends.run", lambda args: logging.getLogger("deepmd").warning("hello"))
    dp.main(["backends", "-v", "ERROR"])
    assert capsys.readouterr().err == ""


def test_models_may_lack_their_ending(tmp_path, monkeypatch, loggers):
    import document_backends

    document_backends.install(monkeypatch)
    (tmp_path / "frozen.dp").touch()
    seen = {}
    monkeypatch.setattr("deepmd.entrypoints.test.run", lambda args: seen.update(vars(args)))
    dp.main(["test", "-m", str(tmp_path / "frozen")])
    assert seen["model"] == str(tmp_path / "frozen.dp")


@pytest.mark.parametrize("out_type", ["json", "json_schema"])
def test_doc_train_input_gives_json(out_type, capsys, loggers):
    dp.main(["doc-train-input", "--out-type", out_type])
    text = capsys.readouterr().out
    json.loads(text)
    assert "rcut" in text
    assert "spheres" not in text
    assert "tensorboard" not in text


def test_doc_train_input_gives_rst(capsys, loggers):
    dp.main(["doc-train-input"])
    text = capsys.readouterr().out
    assert "argument path: ``model[stack]/descriptor[pairs]/rcut``" in text
    assert "Cut-off [Å]." in text


def test_version():
    assert run_dp("--version").stdout.startswith("deepmd-core ")


def test_an_error_without_a_user_is_not_hidden(monkeypatch, loggers):
    monkeypatch.setattr("deepmd.entrypoints.backends.run", lambda args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        dp.main(["backends"])


def test_errors_of_model_files_are_the_users(monkeypatch, loggers):
    def fail(args):
        raise ModelFileError("model.dp is truncated.")

    monkeypatch.setattr("deepmd.entrypoints.backends.run", fail)
    with pytest.raises(SystemExit, match=r"^dp: error: model.dp is truncated\.$"):
        dp.main(["backends"])


def test_a_backend_may_take_over_training(monkeypatch, loggers):
    from document_backends import DocumentBackend

    from deepmd.backend import discovery

    class Own(DocumentBackend):
        @property
        def entry_point_hook(self):
            return lambda args: taken.append(args.command)

    taken = []
    monkeypatch.setattr(discovery, "_load_all", lambda: ({"own": Own()}, {}))
    monkeypatch.setattr("deepmd.entrypoints.backends.run", lambda args: taken.append("ours"))
    for command in (["train", "in.json"], ["freeze"], ["backends"]):
        dp.main(["-b", "own", *command])
    assert taken == ["train", "freeze", "ours"]


def test_doctor_tells_what_is_there(capsys):
    dp.main(["doctor"])
    printed = capsys.readouterr().out
    assert f"Python {platform.python_version()}" in printed
    assert "deepmd-core" in printed
    assert "lammps" in printed
