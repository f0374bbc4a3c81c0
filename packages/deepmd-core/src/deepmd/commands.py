# SPDX-License-Identifier: LGPL-3.0-or-later
"""The sub-commands of `dp` as data: names, flags, examples.

The flags are deepmd-kit's, so that scripts keep working. One that this version cannot act on is refused
when it is given; one whose absence changes nothing is accepted, and the log says so.
"""

from __future__ import annotations

import argparse
from typing import Any, NamedTuple

from deepmd.errors import InputError


class Refused(argparse.Action):
    """A flag of deepmd-kit that cannot act in this version; ``const`` says what is missing or what to use."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        raise InputError(f"{option_string} is not in this version yet: {self.const}")


class Ignored(argparse.Action):
    """A flag of deepmd-kit without effect here; ``const`` says why that is harmless."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        namespace.notes = [*getattr(namespace, "notes", []), f"{option_string} has no effect: {self.const}"]


class Flag(NamedTuple):
    """The arguments of one ``add_argument``."""

    names: tuple[str, ...]
    options: dict[str, Any]


class Command(NamedTuple):
    """A sub-command; flags in a nested tuple exclude each other."""

    summary: str
    flags: tuple[Flag | tuple[Flag, ...], ...]
    examples: tuple[str, ...] = ()


def flag(*names: str, **options: Any) -> Flag:
    """An option with a value."""
    return Flag(names, options)


def switch(*names: str, **options: Any) -> Flag:
    """An option without a value."""
    return Flag(names, {"action": "store_true", **options})


def refused(*names: str, why: str, **options: Any) -> Flag:
    """An option of deepmd-kit that this version refuses by name."""
    return Flag(names, {"action": Refused, "const": why, "help": f"not in this version yet: {why}", **options})


def ignored(*names: str, why: str, **options: Any) -> Flag:
    """An option of deepmd-kit that is taken and changes nothing."""
    return Flag(names, {"action": Ignored, "const": why, "help": f"accepted without effect: {why}", **options})


DEFAULT_MODEL = "frozen_model"
MODEL = flag("-m", "--model", default=DEFAULT_MODEL, help="model file; the ending may be left out if that is clear")
SYSTEM = flag("-s", "--system", default=".", help="folder that is searched, with its subfolders, for data systems")
DATAFILE = flag("-f", "--datafile", help="text file with one data system per line")
HEAD = refused("--head", "--model-branch", why="multi-task models")
SET_PREFIX = ignored("-S", "--set-prefix", why="sets are always named set.*")

COMMANDS: dict[str, Command] = {
    "train": Command(
        "train a model",
        (
            flag("INPUT", help="input file, JSON or YAML"),
            ignored("-m", "--mpi-log", choices=("master", "collect", "workers"), why="one process trains"),
            (
                flag("-i", "--init-model", help="start from the model of this checkpoint or model file, at step 0"),
                flag("-r", "--restart", help="go on from this checkpoint"),
                flag("-f", "--init-frz-model", help="the same as --init-model, under the name for a model file"),
                flag("-t", "--finetune", help="the same as --init-model; the model must have the same types and nets"),
            ),
            refused("--use-pretrain-script", nargs=0, default=False, why="the model section must be in the input file"),
            flag("-o", "--output", default="out.json", help="where to write the input with all its defaults"),
            switch("--skip-neighbor-stat", help="do not check `sel` against the data; `sel` must be numbers then"),
            refused("--model-branch", default="", why="multi-task models"),
            refused("--force-load", nargs=0, default=False, why="loading a checkpoint that does not fit the model"),
            switch("--plot", help="draw the learning curve as a picture when the training ends"),
        ),
        ("dp --pt train input.json", "dp train input.json --restart model.ckpt.pt"),
    ),
    "freeze": Command(
        "write the model of a checkpoint as a file for inference",
        (
            flag(
                "-c",
                "--checkpoint-folder",
                "--checkpoint",
                default=".",
                help="the checkpoint, its name without ending, or the folder it lies in",
            ),
            flag("-o", "--output", default="frozen_model", help="file to write; the ending picks the format"),
            refused("-n", "--node-names", why="graphs of TensorFlow 1"),
            refused("-w", "--nvnmd-weight", why="NVNMD models"),
            HEAD,
            refused("--hessian", nargs=0, default=False, why="Hessians in frozen models"),
            refused("--lower-kind", choices=("nlist", "graph"), default="nlist", why="`.pt2` files"),
        ),
        ("dp freeze -o model.pth", "dp freeze -c model.ckpt-1000.pt -o model.dp"),
    ),
    "test": Command(
        "compare a model with labelled data",
        (
            MODEL,
            (
                SYSTEM,
                DATAFILE,
                flag("--train-data", dest="train_json", help="test on the training data of this input file"),
                flag("--valid-data", dest="valid_json", help="test on the validation data of this input file"),
            ),
            SET_PREFIX,
            flag("-n", "--numb-test", type=int, default=0, help="most frames taken of each system; 0: all"),
            flag("-r", "--rand-seed", type=int, help="seed of --shuffle-test"),
            switch("--shuffle-test", help="take the frames in random order"),
            flag("-d", "--detail-file", help="write label and prediction of each value to files with this prefix"),
            switch("-a", "--atomic", help="compare atomic energies too; of tensors, those of the atoms instead"),
            HEAD,
            flag("--plot", metavar="PNG", help="draw predictions against labels into this picture"),
        ),
        ("dp test -m model.pth -s data/test -n 30", "dp test -m model.dp --valid-data input.json --plot parity.png"),
    ),
    "convert-backend": Command(
        "write a model as another backend's file and prove that it gives the same numbers",
        (
            flag("INPUT", help="model file to read"),
            flag("OUTPUT", help="model file to write; the ending picks the backend"),
            ignored("--atomic-virial", nargs=0, default=False, why="our models always give atomic virials"),
        ),
        ("dp convert-backend model.pth model.dp",),
    ),
    "compress": Command(
        "write a model with tables in the place of its embedding nets, in deepmd-kit's form, or in single precision",
        (
            ignored("-m", "--mpi-log", choices=("master", "collect", "workers"), why="one process compresses"),
            flag("-i", "--input", default="frozen_model", help="model file or checkpoint to compress"),
            flag(
                "-o",
                "--output",
                default="frozen_model_compressed",
                help="file to write; without an ending it gets the input's. Tables are for .dp and .yaml, others hold "
                "matrices, and are written as they are",
            ),
            flag("-s", "--step", type=float, help="width of a table's pieces where the data are; default: 0.01"),
            flag("-e", "--extrapolate", type=float, help="how many times that range the table reaches; default: 5"),
            flag("-f", "--frequency", type=int, help="deepmd-kit's check of the range; default: -1, never"),
            ignored("-c", "--checkpoint-folder", why="no training is run to compress a model"),
            flag("-t", "--training-script", help="input file with data: for the smallest distance, and to compare on"),
            flag(
                "--precision",
                choices=("float32", "mixed"),
                help="nets in single precision (mixed: of the fitting only) in place of tables, in a file of any kind",
            ),
            HEAD,
        ),
        (
            "dp compress -i model.dp -o model_compressed.dp",
            "dp compress -i model.pth -o model_compressed.dp -s 0.005",
            "dp compress -i model.pth -o single.pth --precision float32",
        ),
    ),
    "show": Command(
        "tell what is in a model file or checkpoint",
        (
            flag("INPUT", help="model file or checkpoint"),
            flag(
                "ATTRIBUTES",
                nargs="*",
                default=[],  # else argparse says that it is required
                metavar="ATTRIBUTE",
                help="any of kind, model-branch, type-map, descriptor, fitting-net, size, memory, observed-type, "
                "serialization-tree; none: a short summary",
            ),
            switch("--verify", help="evaluate the self-test in the file"),
        ),
        ("dp show model.pth type-map descriptor size", "dp show model.pth --verify"),
    ),
    "check-data": Command(
        "look for mistakes in data: units, signs, broken frames, missing labels, duplicates",
        (
            flag("PATH", nargs="+", help="input file, or data: a folder that is searched, HDF5, extxyz, LMDB"),
            switch("--strict", help="take whatever is found for an error: exit status 1"),
        ),
        ("dp check-data input.json", "dp check-data data/water data/ice.extxyz --strict"),
    ),
    "neighbor-stat": Command(
        "give the smallest distance and the most neighbors in data",
        (
            SYSTEM,
            flag("-r", "--rcut", type=float, required=True, help="cut-off radius [Å]"),
            flag("-t", "--type-map", nargs="+", help="names of the types; default: those of the data"),
            switch(
                "--mixed-type",
                "--one-type",
                help="count all types together, for descriptors with one sel for all",
            ),
        ),
        ("dp neighbor-stat -s data -r 6.0 -t O H",),
    ),
    "model-devi": Command(
        "give the deviation between several models on data",
        (
            flag(
                "-m",
                "--models",
                nargs="+",
                default=["graph.000", "graph.001", "graph.002", "graph.003"],
                help="model files; endings may be left out if they are clear",
            ),
            SYSTEM,
            SET_PREFIX,
            flag("-o", "--output", default="model_devi.out", help="file to write"),
            flag("-f", "--frequency", type=int, default=1, help="steps between two frames, for the first column"),
            switch("--real_error", help="deviation from the labels in the data instead of from the mean"),
            switch("--atomic", help="write the force deviation of each atom too"),
            flag("--relative", type=float, help="level of the relative force deviation [eV/Å]"),
            flag("--relative_v", type=float, help="level of the relative virial deviation [eV]"),
        ),
        ("dp model-devi -m a.pth b.pth c.pth -s data -o model_devi.out",),
    ),
    "eval-desc": Command(
        "write the descriptors of the atoms in data",
        (
            MODEL,
            (SYSTEM, DATAFILE),
            flag("-o", "--output", default="desc", help="folder for the files NAME_OF_SYSTEM.npy"),
            flag("--dtype", choices=("fp32", "fp64", "native"), default="native", help="precision of the files"),
            HEAD,
        ),
        ("dp eval-desc -m model.pth -s data -o desc",),
    ),
    "backends": Command(
        "list the installed backends",
        (switch("--check", help="import each framework, to find those that are broken (slow)"),),
        ("dp backends",),
    ),
    "doctor": Command(
        "tell what is installed for training, inference and molecular dynamics, what loads and what does not",
        (),
        ("dp doctor",),
    ),
    "doc-train-input": Command(
        "print what an input file may contain",
        (
            flag("--out-type", choices=("rst", "json", "json_schema"), default="rst", help="format of the output"),
            refused("--multi-task", nargs=0, default=False, why="multi-task training"),
        ),
        ("dp doc-train-input --out-type json_schema",),
    ),
    "plot": Command(
        "draw a learning curve (lcurve.out) or the detail files of `dp test` as a picture",
        (
            flag("INPUT", help="lcurve.out, or a detail file of `dp test -d`"),
            flag("-o", "--output", help="picture to write; default: the input's name with the ending .png"),
        ),
        ("dp plot lcurve.out -o lcurve.png",),
    ),
}

ELSEWHERE = "use deepmd-kit for it"


class Missing(NamedTuple):
    """A sub-command of deepmd-kit that this version lacks."""

    purpose: str
    """What it is for, after "to"."""
    remedy: str = ELSEWHERE
    """What to do instead."""


NOT_YET = {
    "convert-from": Missing(
        "read a model of an old version of deepmd-kit",
        "write it with deepmd-kit 3 as a .dp file (its `dp convert-backend old.pb model.dp`; of a .pb that it doesn't "
        "open its `dp convert-from` first), which is read here",
    ),
    "change-bias": Missing(
        "shift a model's energy bias to data",
        "shift it with deepmd-kit and write the model with its `dp convert-backend` as a .dp file, which is read here",
    ),
    "embed": Missing("write embeddings of atoms and frames", "`dp eval-desc` writes the descriptors of atoms"),
    "transfer": Missing(
        "pass parameters to another model", "`dp train --init-model MODEL` starts from a model's parameters"
    ),
    "train-nvnmd": Missing("train an NVNMD model"),
    "gui": Missing("serve DP-GUI"),
    "pretrained": Missing(
        "manage pretrained models",
        "download with deepmd-kit and write the model with its `dp convert-backend` as a .dp file, which is read here",
    ),
}
"""By name."""
