# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models in single precision, made of others: the same types of numbers as those that an input asks for."""

from dataclasses import replace

import pytest

from deepmd.commands import COMMANDS
from deepmd.contract import walk_arrays, write_document
from deepmd.contract.precision import PARTS, in_precision
from deepmd.main import main
from deepmd_dp.conformance.cases import CASES_DOUBLE
from deepmd_dp.conformance.documents import random_document
from deepmd_dp.model import deserialize_model

NAMES = (
    "se_e2_a: frame and atomic parameters",
    "se_e2_r: plain",
    "se_atten: plain",
    "se_atten: strip",
    "se_atten: electrons",
    "se_atten_v2: plain",
    "se_e2_a: dipole of some types, all parameters",
    "hybrid: plain",
    "dpa2: three-body, strip",
    "dpa2: other updates",
)
CASES = [case for case in CASES_DOUBLE if case.name in NAMES]


def single_from_the_start(case, parts):
    """A new model whose input asks for single precision."""

    def single(section):
        listed = {"list": [single(each) for each in section["list"]]} if "list" in section else {"precision": "float32"}
        return {**section, **listed}

    return random_document(
        replace(
            case,
            descriptor=single(case.descriptor) if "descriptor" in parts else case.descriptor,
            fitting=single(case.fitting),
        )
    )


def types(document):
    return {path: array.dtype.name for path, array in walk_arrays(document["model"])}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_numbers_have_the_types_of_a_model_that_was_so_from_the_start(case, name):
    found, wanted = in_precision(random_document(case), name), single_from_the_start(case, PARTS[name])
    assert types(found) == types(wanted)
    again = deserialize_model(found["model"]).serialize()
    assert types({"model": again}) == types(wanted)


def test_the_command_takes_what_there_is():
    flag = next(each for each in COMMANDS["compress"].flags if "--precision" in each.names)
    assert set(flag.options["choices"]) == set(PARTS)


def test_every_name_is_a_case():
    assert len(CASES) == len(NAMES)


@pytest.mark.parametrize(("name", "largest"), [("float32", 1e-4), ("mixed", 1e-4)])
def test_command_writes_any_file_and_tells_the_differences(tmp_path, capsys, name, largest):
    source, target = tmp_path / "model.dp", tmp_path / "single.safetensors"
    document = random_document(CASES[0])
    write_document(source, document)
    main(["compress", "-i", str(source), "-o", str(target), "--precision", name])
    printed = capsys.readouterr().out
    assert str(target) in printed
    energy = float(printed.split("energy ")[1].split()[0])
    assert 0.0 < energy < largest
    # the file proves itself by its own numbers
    main(["convert-backend", str(target), str(tmp_path / "again.dp")])


@pytest.mark.parametrize("name", PARTS)
def test_nothing_to_gain_twice(tmp_path, name):
    source, single = tmp_path / "model.dp", tmp_path / "single.dp"
    write_document(source, in_precision(random_document(CASES[0]), name))
    with pytest.raises(SystemExit, match="nothing to gain"):
        main(["compress", "-i", str(source), "-o", str(single), "--precision", name])
    assert not single.exists()
