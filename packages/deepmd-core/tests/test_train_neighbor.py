# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor statistics, and what becomes of ``sel``."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import numpy as np
import pytest
from morse import count_neighbors
from toy_data import NAMES, write_system

from deepmd import registry
from deepmd.data import System
from deepmd.data import neighbor_statistics as module
from deepmd.data.neighbor_statistics import neighbor_statistics
from deepmd.errors import DataError, InputError
from deepmd.train import sel
from deepmd.train.sel import auto_sel, check_sel_is_settled, settle_sel

# four atoms on a line; with a cut-off of 1.6 the second has both kinds of neighbors
LINE = np.array([[0, 0, 0, 1, 0, 0, 2.5, 0, 0, 9, 0, 0]], dtype=float)


@pytest.fixture
def system(tmp_path):
    write_system(tmp_path / "a", [0, 1, 0, 1], 1, pbc=False, coord=LINE, force=None)
    return System(tmp_path / "a", NAMES)


def test_statistics_of_a_line(system):
    found = neighbor_statistics([system], 1.6, 2, count_neighbors)
    assert (found.min_distance, found.max_nnei.tolist(), found.max_total, found.nframes) == (1.0, [2, 1], 2, 1)


def test_no_neighbors(system):
    assert neighbor_statistics([system], 0.5, 2, count_neighbors).min_distance == np.inf
    model = {"type_map": NAMES, "descriptor": {"type": "pairs", "sel": [1, 1], "rcut": 0.3}}
    message = r"no atom .* has a neighbor within 0\.3 Å, .*; the smallest distance of two atoms is 1 Å\. Look at the"
    with pytest.raises(DataError, match=message):
        settle_sel(model, [system], count_neighbors)
    model["descriptor"] = {"type": "pairs", "sel": "auto", "rcut": 0.03}
    with pytest.raises(DataError, match=r"there is none within 0\.48 Å either"):
        settle_sel(model, [system], count_neighbors)


def test_virtual_atoms_are_no_neighbors(tmp_path):
    types = np.array([[0, -1, 0, 1]])
    write_system(tmp_path / "a", [0, 0, 0, 0], 1, pbc=False, coord=LINE, force=None, real_atom_types=types)
    found = neighbor_statistics([System(tmp_path / "a", NAMES)], 3.0, 2, count_neighbors)
    assert (found.min_distance, found.max_nnei.tolist()) == (2.5, [1, 0])


def test_atoms_at_the_same_place(tmp_path):
    coord = LINE.copy()
    coord[0, 3:6] = coord[0, :3] + 1e-5
    write_system(tmp_path / "a", [0, 1, 0, 1], 1, pbc=False, coord=coord, force=None)
    with pytest.raises(DataError, match=r"a, frame 0: two atoms are at the same place"):
        neighbor_statistics([System(tmp_path / "a", NAMES)], 1.6, 2, count_neighbors)


def test_the_search_goes_less_far_in_what_is_too_dense(tmp_path):
    write_system(tmp_path / "a", [0, 1], 1, box=np.array([[0.4, 0, 0, 0, 0.4, 0, 0, 0, 0.4]]), coord=LINE[:, :6])
    systems, cutoffs = [System(tmp_path / "a", NAMES)], []

    def search(*frame):
        cutoffs.append(frame[3])
        return count_neighbors(*frame)

    (found,) = module.statistics_of_frames(systems, 1.6, search)
    assert found.density == pytest.approx(2 / 0.4**3)
    assert cutoffs == [pytest.approx(1.6 * (0.5 / found.density) ** (1 / 3))]
    with pytest.raises(
        DataError, match=r"a, frame 0: 31\.2 atoms/Å³, denser than any matter: the cell is probably in nm.* by 10"
    ):
        neighbor_statistics(systems, 1.6, 2, search)


def test_a_bounded_number_of_frames_is_spread_over_the_data(tmp_path, monkeypatch):
    systems = []
    for name in "ab":
        write_system(tmp_path / name, [0, 1, 1], 50, sets=2)
        systems.append(System(tmp_path / name, NAMES))
    monkeypatch.setattr(module, "MAX_ATOMS", 30)
    batches = [batch for _, batch in module._some_frames(systems)]
    assert len(batches) == 10
    assert [batch.frames[0] for batch in batches] == [0, 11, 22, 33, 44, 5, 16, 27, 38, 49]


@pytest.mark.parametrize(
    ("rule", "most", "expected"),
    [("auto", 38, 44), ("auto", 72, 80), ("auto", 0, 0), ("auto:1.5", 10, 16), ("auto:1.0", 8, 8), ("auto:1.0", 9, 12)],
)
def test_auto_sel(rule, most, expected):
    # the figures of deepmd-kit: 38 and 72 are water's neighbors within 6 Å
    assert auto_sel(rule, most) == expected


@pytest.mark.parametrize("rule", ["many", "auto:x", "auto:0.5"])
def test_wrong_auto_sel(rule):
    with pytest.raises(InputError, match=f"sel '{rule}'"):
        auto_sel(rule, 10)


def test_auto_is_replaced_in_every_part_of_a_joint(system):
    parts = [
        {"type": "pr", "sel": "auto", "rcut": 1.6},
        {"type": "cloud", "inner": {"nsel": "auto:2", "rcut": 1.6}},
        {"type": "pairs", "sel": [4, 4], "rcut": 1.1},
    ]
    model = {"type_map": NAMES, "descriptor": {"type": "joint", "list": parts}}
    with pytest.raises(InputError, match=r"model/descriptor/list/0/inner/nsel 'auto:2' needs the neighbor statistics"):
        check_sel_is_settled(model | {"descriptor": {"type": "joint", "list": parts[1:2] * 2}})
    assert settle_sel(model, [system], count_neighbors) == 1.0
    assert [parts[0]["sel"], parts[1]["inner"]["nsel"], parts[2]["sel"]] == [[4, 4], 4, [4, 4]]
    check_sel_is_settled(model)


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        (
            {"type": "pairs", "sel": [1, 0], "rcut": 1.6},
            r"model/descriptor/sel is too small: O 1 \(found 2\) neighbors within 1.6 Å",
        ),
        (
            {"type": "cloud", "inner": {"nsel": 1, "rcut": 1.6}},
            r"model/descriptor/inner/nsel is too small: 1 ",
        ),
        ({"type": "cloud", "inner": {"nsel": [1, 0], "rcut": 1.6}}, r".*/nsel is too small: 1 \(found 2\) neighbors"),
    ],
)
def test_a_sel_that_is_too_small_is_told_with_the_numbers(system, caplog, descriptor, message):
    with caplog.at_level(logging.WARNING):
        settle_sel({"type_map": NAMES, "descriptor": descriptor}, [system], count_neighbors)
    assert len(caplog.messages) == 1
    assert re.match(message, caplog.messages[0])


@pytest.mark.parametrize(
    "descriptor",
    [
        {"type": "pairs", "sel": [2, 1], "rcut": 1.6},
        {"type": "cloud", "inner": {"nsel": 1, "rcut": 1.6}, "is_off": True},
    ],
)
def test_a_sel_that_is_large_enough_or_not_used_needs_no_word(system, caplog, descriptor):
    with caplog.at_level(logging.WARNING):
        settle_sel({"type_map": NAMES, "descriptor": descriptor}, [system], count_neighbors)
    assert not caplog.messages


def test_neighbors_in_whole_frames_are_not_those_of_groups(system, caplog, monkeypatch):
    """A number may be less; `auto`, which can't know, says so."""

    def of_groups(*args):
        return (part._replace(row=replace(part.row, sees_groups=True)) for part in registry.walk(*args))

    monkeypatch.setattr(sel, "walk", of_groups)
    descriptor = {"type": "pairs", "sel": [1, 0], "rcut": 1.6}
    with caplog.at_level(logging.WARNING):
        settle_sel({"type_map": NAMES, "descriptor": descriptor}, [system], count_neighbors)
        assert not caplog.messages
        settle_sel({"type_map": NAMES, "descriptor": descriptor | {"sel": "auto"}}, [system], count_neighbors)
    (message,) = caplog.messages
    assert message.startswith("model/descriptor/sel is counted in whole frames")
