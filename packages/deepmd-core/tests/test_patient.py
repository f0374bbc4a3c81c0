# SPDX-License-Identifier: LGPL-3.0-or-later
"""A file whose errors wait until the library that writes it is done."""

from __future__ import annotations

import os

import pytest

from deepmd.files.patient import patient_file


def test_what_is_written(tmp_path):
    with patient_file(tmp_path / "f") as file:
        assert file.write(b"one") + file.write(memoryview(b"two")) == 6
    assert (tmp_path / "f").read_bytes() == b"onetwo"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a disk that is always full is Linux's")
def test_a_full_disk():
    def write_on():
        with patient_file("/dev/full") as file:
            assert [file.write(bytes(100_000)) for _ in range(3)] == [100_000] * 3

    with pytest.raises(OSError, match="No space left on device"):
        write_on()
