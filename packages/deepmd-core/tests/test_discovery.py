# SPDX-License-Identifier: LGPL-3.0-or-later
"""Finding backends by entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest
from document_backends import DocumentBackend

from deepmd.backend import Backend, discovery
from deepmd.errors import BackendError, InputError, ModelFileError


class Trainable(DocumentBackend):
    name = "Trainable"
    flags = ("able", "trainable")
    features = Backend.Feature.ENTRY_POINT
    suffixes = (".able",)
    checkpoint_suffix = ".ckpt"


class Preferred(Trainable):
    name = "Preferred"
    flags = ("pt", "pytorch")
    suffixes = (".pth",)


class Other(Trainable):
    name = "Other"
    flags = ("jax",)
    checkpoint_suffix = ".other"


class NoFramework(Trainable):
    name = "NoFramework"
    flags = ("none",)
    framework = "no-such-framework"
    suffixes = (".none",)


class BrokenFramework(Trainable):
    name = "BrokenFramework"
    flags = ("cracked",)
    framework_module = "cracked_framework"
    suffixes = (".cracked",)


class WithCheckpoints(Trainable):
    name = "WithCheckpoints"
    suffixes = (".graph", ".ckpt")


class ManyFiles(Trainable):
    name = "ManyFiles"
    framework = "no-such-framework"
    framework_variants = ("no-such-framework-cpu", "numpy")
    framework_module = "numpy"
    suffixes = (".graph",)
    companion_suffixes: ClassVar = {".graph": (".weights",), ".ckpt": (".index",)}


@pytest.fixture
def register(monkeypatch):
    """Makes the given ``flag=value`` the only entry points."""

    def register(**points):
        found = [EntryPoint(flag, value, discovery.GROUP) for flag, value in points.items()]
        monkeypatch.setattr(discovery, "entry_points", lambda group: found)
        clear()

    def clear():
        discovery._load_all.cache_clear()
        discovery.registered_flags.cache_clear()

    monkeypatch.delenv("DP_BACKEND", raising=False)
    yield register
    monkeypatch.undo()
    clear()


DOC = "document_backends:DocumentBackend"


def here(name):
    return f"{__name__}:{name}"


def test_backends_are_found_by_each_of_their_names(register):
    register(doc=DOC)
    assert list(discovery.installed_backends()) == ["doc"]
    assert isinstance(discovery.get_backend("doc"), DocumentBackend)
    assert discovery.get_backend("document") is discovery.get_backend("doc")
    assert discovery.registered_flags() == ("doc",)
    assert discovery.registered_packages() == ("document_backends",)


def test_the_ecosystem_finds_classes_through_the_base_class(register):
    register(doc=DOC, able=here("Trainable"))
    assert Backend.get_backend("doc") is DocumentBackend
    assert set(Backend.get_backends()) == {"doc", "able"}
    assert set(Backend.get_backends_by_feature(Backend.Feature.IO)) == {"doc"}
    assert Backend.detect_backend_by_model("model.dp") is DocumentBackend


@pytest.mark.parametrize(
    ("flag", "remedy"),
    [
        ("pt", "deepmd-pt"),
        ("pytorch", "deepmd-pt"),
        ("tensorflow", "deepmd-tf"),
        ("jax", "deepmd-jax"),
        ("np", "deepmd-dp"),
    ],
)
def test_a_missing_backend_says_what_to_install(register, flag, remedy):
    register(doc=DOC)
    with pytest.raises(BackendError, match=f"not installed: `pip install {remedy}`"):
        discovery.get_backend(flag)


def test_an_unknown_backend_is_told_the_installed_ones(register):
    register(doc=DOC)
    with pytest.raises(BackendError, match="no backend 'caffe'; installed: doc"):
        discovery.get_backend("caffe")


def test_a_backend_that_fails_to_import_says_why(register, tmp_path, monkeypatch):
    (tmp_path / "cracked_backend.py").write_text("raise ImportError('tried this\\nlibx.so: undefined symbol: y')")
    monkeypatch.syspath_prepend(tmp_path)
    register(doc=DOC, cracked="cracked_backend:Backend", gone="no_such_module:Backend")
    assert list(discovery.installed_backends()) == ["doc"]
    assert discovery.broken_backends()["cracked"] == "libx.so: undefined symbol: y"
    assert discovery.broken_backends()["gone"] == "No module named 'no_such_module'"
    with pytest.raises(BackendError, match=r"fails to import: libx\.so: undefined symbol: y$"):
        discovery.get_backend("cracked")


def test_a_missing_framework_says_what_to_install(register):
    register(none=here("NoFramework"))
    assert discovery.find_backend("none").is_available() is False
    with pytest.raises(BackendError, match=r"NoFramework needs no-such-framework, .* `pip install no-such-framework`"):
        discovery.get_backend("none")


def test_a_framework_that_fails_to_import_says_why(register, tmp_path, monkeypatch):
    (tmp_path / "cracked_framework.py").write_text("raise OSError('looking\\nlibcudart.so.12: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    register(cracked=here("BrokenFramework"))
    for use in (lambda: discovery.get_backend("cracked"), lambda: discovery.backend_of_file("m.cracked")):
        with pytest.raises(
            BackendError, match=r"numpy is installed but fails to import: libcudart\.so\.12: cannot open$"
        ):
            use()


def test_files_are_recognised_by_their_endings(register):
    register(doc=DOC, able=here("Trainable"))
    assert discovery.backend_of_file("folder/model.dp").name == "Document"
    assert discovery.backend_of_file("model.ckpt").name == "Trainable"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.pb", r"model\.pb is a file of TensorFlow, .* `pip install deepmd-tf`"),
        ("model.pt2", r"no installed backend reads files that end in '\.pt2'; known endings: \.dp, \.yaml"),
        ("model", "end in 'nothing'"),
    ],
)
def test_files_of_no_installed_backend(register, name, message):
    register(doc=DOC)
    with pytest.raises(BackendError, match=message):
        discovery.backend_of_file(name)


def test_a_folder_is_no_model(register, tmp_path):
    register(doc=DOC)
    with pytest.raises(ModelFileError, match="is a folder; give the model file in it"):
        discovery.backend_of_file(tmp_path)


def test_the_only_backend_that_trains_is_the_default(register):
    register(doc=DOC, able=here("Trainable"), none=here("NoFramework"))
    assert discovery.training_backend().name == "Trainable"


def test_the_first_of_a_list_is_the_default_of_several(register, caplog):
    caplog.set_level("INFO")
    register(able=here("Trainable"), pt=here("Preferred"), jax=here("Other"))
    assert discovery.training_backend().name == "Preferred"
    why = "the first of pt, jax, able; another by `dp --jax train` or DP_BACKEND=jax"
    assert caplog.messages == [f"backend: Preferred ({why})."]
    assert discovery.training_backend("able").name == "Trainable"
    assert caplog.messages[1] == "backend: Trainable (asked for)."


def test_a_checkpoint_goes_on_in_its_backend(register, caplog):
    caplog.set_level("INFO")
    register(able=here("Trainable"), pt=here("Preferred"), jax=here("Other"))
    assert discovery.training_backend(None, "model.ckpt.other").name == "Other"
    assert caplog.messages == ["backend: Other (whose checkpoint model.ckpt.other is)."]
    assert discovery.training_backend(None, "model.ckpt").name == "Preferred"


def test_the_environment_names_the_default(register, monkeypatch):
    register(able=here("Trainable"), pt=here("Preferred"))
    monkeypatch.setenv("DP_BACKEND", "trainable")
    assert discovery.training_backend().name == "Trainable"


def test_no_default_for_training(register):
    register(doc=DOC)
    with pytest.raises(BackendError, match="no installed backend trains models: `pip install deepmd-pt`"):
        discovery.training_backend()
    register(two=here("Trainable"), one=here("Trainable"))
    assert discovery._trainers() == ["one", "two"]


def test_a_backend_that_does_not_train(register):
    register(doc=DOC, able=here("Trainable"))
    with pytest.raises(BackendError, match=r"\(asked for\) trains no models; take --able\.$"):
        discovery.training_backend("doc")


def test_names_of_models_are_completed(register, tmp_path):
    register(doc=DOC, able=here("Trainable"))
    for name in ("frozen.dp", "frozen.able", "graph.000.dp", "plain"):
        (tmp_path / name).touch()
    complete = discovery.complete_model_name
    assert complete(f"{tmp_path}/frozen", "able") == f"{tmp_path}/frozen.able"
    assert complete(f"{tmp_path}/frozen") == f"{tmp_path}/frozen.able"
    assert complete(f"{tmp_path}/graph.000") == f"{tmp_path}/graph.000.dp"
    assert complete(f"{tmp_path}/plain") == f"{tmp_path}/plain"
    assert complete("not_there") == "not_there"


def test_names_of_models_to_write(register, tmp_path, monkeypatch):
    register(doc=DOC, able=here("Trainable"))
    monkeypatch.chdir(tmp_path)
    Path("frozen.dp").touch()
    Path("link.dp").symlink_to("frozen.dp")
    Path("data").mkdir()
    name_of = discovery.model_to_write
    assert name_of("new", ".dp", "frozen.dp") == "new.dp"
    assert name_of("data/new.v2", ".dp", "frozen.dp") == "data/new.v2.dp"
    assert name_of("new.able", ".dp", "frozen.dp") == "new.able"
    for name, message in {
        "data": "data is a folder; give the name of a file, such as data/model.dp",
        "data/": "data/ is a folder",
        "absent/": "absent/ is a folder",
        ".dp": "'.dp' is no name of a model file; give one such as model.dp",
        "data/.able": "'data/.able' is no name",
        "": "is a folder|is no name",
        "frozen": "frozen.dp is the model that is read; give another name",
        "link.dp": "link.dp is the model that is read",
    }.items():
        with pytest.raises(InputError, match=message):
            name_of(name, ".dp", "frozen.dp")


def test_models_are_not_written_as_checkpoints(register):
    register(graph=here("WithCheckpoints"))
    with pytest.raises(InputError, match=r"x.ckpt: .ckpt is the ending of training checkpoints; .* are written as .gr"):
        discovery.model_to_write("x.ckpt", ".graph", "frozen.dp")


def test_models_to_read_are_there(register, tmp_path, monkeypatch):
    register(doc=DOC)
    monkeypatch.chdir(tmp_path)
    Path("frozen.dp").touch()
    assert discovery.model_to_read("frozen") == "frozen.dp"
    for name in ("not_there", "not_there.dp"):
        with pytest.raises(ModelFileError, match=f"{name}: there is no such model file"):
            discovery.model_to_read(name)


def test_files_that_belong_together_are_missed_by_name(register, tmp_path):
    register(many=here("ManyFiles"))
    for name in ("x.graph", "y.index"):
        (tmp_path / name).touch()
        with pytest.raises(ModelFileError, match=rf"{name} needs \S+\.(weights|ckpt) beside it, which is not there"):
            discovery.check_whole(tmp_path / name)
    (tmp_path / "x.graph").write_text('{"model": {}, "training": {}}')
    with pytest.raises(ModelFileError, match=r"x\.graph is the input of a training; `dp train .*x\.graph` and then"):
        discovery.check_whole(tmp_path / "x.graph")
    (tmp_path / "x.weights").touch()
    discovery.check_whole(tmp_path / "x.graph")
    discovery.check_whole(tmp_path / "x.other")


def test_inputs_and_models_are_not_taken_for_each_other(register, tmp_path):
    register(able=here("Trainable"), jax=here("Other"))
    given, model = tmp_path / "input.json", tmp_path / "model.pth"
    given.write_text('{"model": {}, "training": {}}')
    model.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelFileError, match=r"input\.json is the input of a training; `dp train .*` and then `dp fre"):
        discovery.backend_of_file(given)
    with pytest.raises(ModelFileError, match="is the input of a training"):
        discovery.check_flag(str(given), "jax")
    with pytest.raises(BackendError, match=r"model\.pth is a file of PyTorch, which is not installed"):
        discovery.backend_of_file(model)
    with pytest.raises(InputError, match=r"model\.pth is a model file by its ending; .* `--init-model .*model\.pth`"):
        discovery.refuse_model(model)
    discovery.refuse_model(given)


def test_an_installed_package_is_found_in_a_fresh_process(tmp_path):
    """The whole way, through a package's metadata: one backend that loads and one that does not."""
    info = tmp_path / "toy-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.2\n")
    points = f"[{discovery.GROUP}]\ntoy = toy_backend:Toy\nbad = no_such_module:Bad\n"
    (info / "entry_points.txt").write_text(points)
    (tmp_path / "toy_backend.py").write_text(
        "from document_backends import DocumentBackend\n"
        "class Toy(DocumentBackend):\n    flags = ('toy',)\n    distribution = 'toy'\n    suffixes = ('.toy',)\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    command = [sys.executable, "-m", "deepmd", "backends"]
    table = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    rows = {line.split()[0]: line for line in table.stdout.splitlines()}
    assert "toy 1.2" in rows["toy"]
    assert ".toy" in rows["toy"]
    assert "infer, convert" in rows["toy"]
    assert "broken" in rows["bad"]
    assert "No module named 'no_such_module'" in rows["bad"]


def test_companions_are_names_of_the_whole_and_variants_serve(register):
    register(many=here("ManyFiles"))
    for name in ("x.graph", "x.weights", "x.ckpt", "x.index"):
        assert type(discovery.backend_of_file(name)) is ManyFiles
    with pytest.raises(BackendError, match="no installed backend reads"):
        discovery.backend_of_file("x.other")
