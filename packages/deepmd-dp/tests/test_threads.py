# SPDX-License-Identifier: LGPL-3.0-or-later
"""How many threads there are, and when they sleep while they wait."""

import os

import pytest

from deepmd_dp.kit import threads


@pytest.mark.parametrize(("given", "number"), [("3", 3), ("2,1", 2), ("", None), ("0", None), ("many", None)])
def test_number_is_the_users_or_that_of_the_cores(monkeypatch, caplog, given, number):
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    threads._say_once.cache_clear()
    assert {threads.number_of_threads() for _ in range(2)} == {number or len(os.sched_getaffinity(0))}
    said = [f"OMP_NUM_THREADS is {given!r}, expected a number such as 4: as many threads as cores are taken."]
    assert caplog.messages == (said if given and not number else [])


def test_the_cpu_for_people():
    assert [threads.cpu_name(n) for n in (1, 2)] == ["cpu (1 thread)", "cpu (2 threads)"]


@pytest.mark.parametrize(
    ("running", "wanted", "policy"),
    [(1, 4, None), (2, 3, None), (2, 4, "PASSIVE"), (9, 1, "PASSIVE"), ("unknown", 4, None)],
)
def test_threads_sleep_where_others_need_the_cores(monkeypatch, tmp_path, running, wanted, policy):
    load = tmp_path / "loadavg"
    load.write_text(f"0.50 0.40 0.30 {running}/200 4711\n")
    monkeypatch.setattr(threads, "_LOAD", load)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", str(wanted))
    monkeypatch.setenv("OMP_WAIT_POLICY", "")
    del os.environ["OMP_WAIT_POLICY"]
    threads.sleep_on_busy_cores()
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_what_the_user_has_set_stays(monkeypatch, tmp_path):
    load = tmp_path / "loadavg"
    load.write_text("9.00 9.00 9.00 99/200 4711\n")
    monkeypatch.setattr(threads, "_LOAD", load)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    threads.sleep_on_busy_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
