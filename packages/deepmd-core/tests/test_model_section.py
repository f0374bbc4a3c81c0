# SPDX-License-Identifier: LGPL-3.0-or-later
"""The input's section ``model`` beside that of a checkpoint."""

from __future__ import annotations

import pytest

from deepmd.errors import InputError
from deepmd.train.model_section import join_sections

GIVEN = {"type_map": ["O", "H"], "descriptor": {"rcut": 4.0}}
SPIN = {"use_spin": [False, True], "virtual_scale": [0.3]}


def document(section):
    return {"model": {"type_map": ["O", "H"]}, "model_def_script": section}


@pytest.mark.parametrize(("key", "value"), [("spin", SPIN), ("table", "table.txt")])
@pytest.mark.parametrize("is_given", [True, False])
def test_a_key_that_makes_another_kind_of_model_is_missed(key, value, is_given):
    with_key = GIVEN | {key: value}
    given, there = (with_key, GIVEN) if is_given else (GIVEN, with_key)
    with pytest.raises(InputError, match=rf"asks for another model than the checkpoint's: model/{key} "):
        join_sections(given, document(there))
    assert join_sections(with_key, document(with_key)) == with_key


def test_what_follows_from_a_missing_key_is_not_told_before_it():
    """As `env_protection`, which spins set and nobody has written."""
    there = GIVEN | {"spin": SPIN, "descriptor": {"rcut": 4.0, "env_protection": 0.01}}
    given = GIVEN | {"descriptor": {"rcut": 4.0, "env_protection": 0.0}}
    with pytest.raises(InputError) as raised:
        join_sections(given, document(there))
    assert "model/spin None" in str(raised.value) and "env_protection" not in str(raised.value)


def test_a_file_without_its_section_is_taken_as_it_is():
    given = GIVEN | {"spin": SPIN}
    assert join_sections(given, document(None)) == given


def test_older_sections_are_read_as_inputs_are(monkeypatch):
    """A file written before, or by deepmd-kit, may say the same in other words."""

    def upgrade(section):
        section["spin"] = section["spin"] | {"use_spin": [False, True]}

    monkeypatch.setattr("deepmd.train.model_section.upgrade_model", upgrade)
    given = GIVEN | {"spin": SPIN}
    there = GIVEN | {"spin": SPIN | {"use_spin": ["H"]}}
    assert join_sections(given, document(there)) == given
    assert there["spin"]["use_spin"] == ["H"]
