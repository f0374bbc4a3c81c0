# SPDX-License-Identifier: LGPL-3.0-or-later
"""Neighbor lists against a search over every image, one by one, in NumPy."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deepmd_dp.neighbor import build_neighbor_list, neighbor_statistics

CUBE = 4.0 * np.eye(3)
SKEWED = np.array([[4.0, 0.3, 0.1], [-1.9, 3.5, 0.2], [1.2, 1.7, 4.4]])
LEFT_HANDED = SKEWED[[1, 0, 2]]
THIN = np.array([[1.1, 0.0, 0.0], [0.4, 7.0, 0.0], [0.0, 2.0, 9.0]])
TINY = np.array([[0.9, 0.1, 0.0], [0.0, 1.0, 0.2], [0.3, 0.0, 1.1]])
CELLS = {
    "cube": CUBE,
    "skewed": SKEWED,
    "left-handed": LEFT_HANDED,
    "thin": THIN,
    "tiny": TINY,
    "large": 3.0 * SKEWED,
}
BOUNDARIES = list(itertools.product([False, True], repeat=3))


def edge_pairs(coord, box, rcut, atype=None, exclude_pairs=()):
    """Centers, neighbors and shifts in cell vectors of the edges in a list of all types."""
    types = np.zeros(len(coord), int) if atype is None else atype
    found = build_neighbor_list(coord, box, types, rcut, by_type=False, exclude_pairs=exclude_pairs)
    i, slot = np.nonzero(found.nlist >= 0)
    shift = found.shift[i, slot]
    return i, found.nlist[i, slot], np.rint(shift if box is None else shift @ np.linalg.inv(box))


def make_frame(box, natoms, seed=0):
    """Atoms in and around the cell, of three types."""
    rng = np.random.default_rng(seed)
    coord = rng.uniform(-1.5, 2.5, (natoms, 3)) @ box
    return coord, rng.integers(0, 3, natoms)


def search_by_force(coord, box, pbc, rcut):
    """Give the set of (i, j, shift) within the cut-off."""
    faces = np.linalg.det(box) * np.linalg.inv(box).T
    heights = abs(np.linalg.det(box)) / np.linalg.norm(faces, axis=1)
    spread = np.ptp(coord @ np.linalg.inv(box), axis=0)
    reach = np.where(pbc, np.ceil(rcut / heights + spread), 0).astype(int)
    found = set()
    for image in itertools.product(*(range(-n, n + 1) for n in reach)):
        r = coord[None, :] + np.array(image) @ box - coord[:, None]
        inside = np.linalg.norm(r, axis=-1) < rcut
        if not any(image):
            np.fill_diagonal(inside, False)
        found.update((int(i), int(j), image) for i, j in zip(*np.nonzero(inside), strict=True))
    return found


def listed(neighbors, box):
    """Give the set of (i, j, shift) in a padded list."""
    i, place = np.nonzero(neighbors.nlist >= 0)
    images = neighbors.shift[i, place] @ np.linalg.inv(box)
    assert np.allclose(images, np.round(images), atol=1e-9)
    j = neighbors.nlist[i, place]
    return [(int(a), int(b), tuple(int(m) for m in image)) for a, b, image in zip(i, j, np.round(images), strict=True)]


def distances(neighbors, coord):
    """Distances (nloc, nnei), infinite where empty."""
    r = coord[neighbors.nlist] + neighbors.shift - coord[:, None]
    return np.where(neighbors.nlist >= 0, np.linalg.norm(r, axis=-1), np.inf)


@pytest.mark.parametrize("pbc", BOUNDARIES, ids=lambda p: "".join("oP"[x] for x in p))
@pytest.mark.parametrize("name", CELLS)
def test_agrees_with_brute_force(name, pbc):
    box = CELLS[name]
    rcut = 2.2 if name == "tiny" else 3.7
    for natoms in (0, 1, 2, 23) if name != "tiny" else (1, 4):
        coord, atype = make_frame(box, natoms, seed=natoms)
        expected = search_by_force(coord, box, pbc, rcut) if natoms else set()
        for by_type in (False, True):
            neighbors = build_neighbor_list(coord, box, atype, rcut, by_type=by_type, pbc=pbc)
            pairs = listed(neighbors, box)
            assert len(pairs) == len(set(pairs))
            assert set(pairs) == expected


def test_many_bins_agree_with_brute_force():
    box = 4.0 * SKEWED
    coord, _ = make_frame(box, 150, seed=3)
    i, j, shift = edge_pairs(coord, box, 4.0)
    found = {(int(a), int(b), tuple(m.tolist())) for a, b, m in zip(i, j, shift, strict=True)}
    assert len(found) == len(i)
    assert found == search_by_force(coord, box, (True, True, True), 4.0)


def test_no_box_is_open():
    coord, atype = make_frame(CUBE, 30)
    free = build_neighbor_list(coord, None, atype, 3.0, by_type=False)
    open_ = build_neighbor_list(coord, CUBE, atype, 3.0, by_type=False, pbc=False)
    assert np.array_equal(free.nlist, open_.nlist)
    assert not free.shift.any()
    assert set(listed(free, CUBE)) == search_by_force(coord, CUBE, (False,) * 3, 3.0)


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [np.nan] * 3, [4.0, 0.0, 0.0]])
def test_vector_of_an_open_axis_is_not_read(row):
    coord, atype = make_frame(CUBE, 20)
    box = CUBE.copy()
    box[2] = row
    pbc = (True, True, False)
    neighbors = build_neighbor_list(coord, box, atype, 3.0, by_type=False, pbc=pbc)
    assert set(listed(neighbors, CUBE)) == search_by_force(coord, CUBE, pbc, 3.0)


def test_rows_are_sorted_by_type_then_distance():
    coord, atype = make_frame(SKEWED, 25)
    neighbors = build_neighbor_list(coord, SKEWED, atype, 4.0, ntypes=4, by_type=True)
    assert len(neighbors.sections) == 4
    assert neighbors.sections[3] == 1  # a type without atoms keeps one empty place
    assert sum(neighbors.sections) == neighbors.nlist.shape[1]
    r = distances(neighbors, coord)
    begin = 0
    for kind, width in enumerate(neighbors.sections):
        block = neighbors.nlist[:, begin : begin + width]
        here = r[:, begin : begin + width]
        assert np.all((block == -1) | (atype[block] == kind))
        assert np.all(here[:, :-1] <= here[:, 1:] + 1e-12)
        assert kind == 3 or (block >= 0).sum(axis=1).max() == width
        begin += width


def test_empty_places_are_minus_one_and_zero():
    coord, atype = make_frame(CUBE, 9)
    neighbors = build_neighbor_list(coord, CUBE, atype, 3.0, by_type=True, sel=[99] * 3)
    assert neighbors.sections == (99, 99, 99)
    assert neighbors.ndropped == 0
    assert neighbors.nlist.dtype == np.int64
    assert neighbors.shift.shape == (9, 297, 3)
    assert not neighbors.shift[neighbors.nlist == -1].any()


@pytest.mark.parametrize("by_type", [False, True])
def test_sel_keeps_the_nearest(by_type):
    coord, atype = make_frame(SKEWED, 25, seed=5)
    full = build_neighbor_list(coord, SKEWED, atype, 4.0, by_type=by_type)
    sel = [width - 3 for width in full.sections]
    cut = build_neighbor_list(coord, SKEWED, atype, 4.0, by_type=by_type, sel=sel)
    assert cut.sections == tuple(sel)
    dropped = np.zeros(len(coord), dtype=bool)
    starts = np.cumsum((0, *full.sections))
    cut_starts = np.cumsum((0, *sel))
    for section, width in enumerate(sel):
        whole = full.nlist[:, starts[section] : starts[section + 1]]
        kept = cut.nlist[:, cut_starts[section] : cut_starts[section + 1]]
        assert np.array_equal(kept, whole[:, :width])
        dropped |= (whole[:, width:] >= 0).any(axis=1)
    assert cut.ndropped == dropped.sum() > 0


def test_virtual_atoms_are_left_out():
    coord, atype = make_frame(CUBE, 20)
    atype[[3, 11]] = -1
    real = np.flatnonzero(atype >= 0)
    neighbors = build_neighbor_list(coord, CUBE, atype, 3.0, by_type=False)
    assert np.all(neighbors.nlist[[3, 11]] == -1)
    expected = {
        (int(real[i]), int(real[j]), shift) for i, j, shift in search_by_force(coord[real], CUBE, (True,) * 3, 3.0)
    }
    assert set(listed(neighbors, CUBE)) == expected


def test_excluded_pairs_are_left_out():
    coord, atype = make_frame(CUBE, 20)
    neighbors = build_neighbor_list(coord, CUBE, atype, 3.0, by_type=True, exclude_pairs=[(2, 0), (1, 1)])
    expected = {
        (i, j, shift)
        for i, j, shift in search_by_force(coord, CUBE, (True,) * 3, 3.0)
        if sorted((atype[i], atype[j])) not in ([0, 2], [1, 1])
    }
    assert set(listed(neighbors, CUBE)) == expected


def test_coincident_atoms_are_neighbors():
    neighbors = build_neighbor_list(np.ones((2, 3)), None, [0, 0], 1.0, by_type=False)
    assert neighbors.nlist.tolist() == [[1], [0]]


def test_cut_off_is_strict():
    coord = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert len(edge_pairs(coord, None, 2.0)[0]) == 0
    assert len(edge_pairs(coord, None, np.nextafter(2.0, 3.0))[0]) == 2


def test_same_list_every_time_and_for_any_threads():
    coord, atype = make_frame(2.0 * SKEWED, 200)

    def build(nthreads):
        return build_neighbor_list(coord, 2.0 * SKEWED, atype, 4.0, by_type=True, nthreads=nthreads)

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(build, [1, 1, 2, 3, 500])
    for other in others:
        assert np.array_equal(other.nlist, first.nlist)
        assert np.array_equal(other.shift, first.shift)
        assert other.sections == first.sections


def test_inputs_are_left_alone_and_may_be_read_only():
    coord, atype = make_frame(CUBE, 10)
    kept = coord.copy()
    coord.flags.writeable = False
    atype.flags.writeable = False
    from_array = build_neighbor_list(coord, CUBE, atype, 3.0, by_type=True)
    from_lists = build_neighbor_list(coord.tolist(), CUBE.tolist(), atype.tolist(), 3.0, by_type=True)
    assert np.array_equal(coord, kept)
    assert np.array_equal(from_array.nlist, from_lists.nlist)


def test_statistics():
    coord, atype = make_frame(SKEWED, 25)
    nearest, largest, most = neighbor_statistics(coord, SKEWED, atype, 4.0, 4)
    neighbors = build_neighbor_list(coord, SKEWED, atype, 4.0, ntypes=4, by_type=True)
    i, j, shift = edge_pairs(coord, SKEWED, 4.0, atype=atype)
    r = np.linalg.norm(coord[j] + shift @ SKEWED - coord[i], axis=1)
    expected = np.full((4, 4), np.inf)
    np.minimum.at(expected, (atype[i], atype[j]), r)
    np.testing.assert_allclose(nearest, expected, rtol=1e-14)
    assert largest.tolist() == [*neighbors.sections[:3], 0]
    assert most == np.bincount(i).max()


def test_statistics_of_a_lone_atom():
    nearest, largest, most = neighbor_statistics(np.zeros((1, 3)), None, [0], 4.0, 2)
    assert np.all(nearest == np.inf)
    assert (largest.tolist(), most) == ([0, 0], 0)


def test_edges_are_sorted_by_distance():
    coord, atype = make_frame(SKEWED, 25)
    i, j, shift = edge_pairs(coord, SKEWED, 4.0, atype=atype, exclude_pairs=[(0, 0)])
    r = np.linalg.norm(coord[j] + shift @ SKEWED - coord[i], axis=1)
    assert np.all(np.diff(i) >= 0)
    assert np.all((np.diff(i) > 0) | (np.diff(r) >= -1e-12))
    assert not np.any((atype[i] == 0) & (atype[j] == 0))


BAD_ATOM = np.array([[0.0, 0.0, 0.0], [1.0, np.nan, 0.0]])
GOOD = {
    "coord": np.zeros((2, 3)),
    "box": CUBE,
    "atype": [0, 1],
    "rcut": 3.0,
    "by_type": True,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coord": np.zeros((2, 2))}, r"coord has shape \(2, 2\)"),
        ({"coord": [["a", 0, 0], [0, 0, 0]]}, "coord is not an array of numbers"),
        ({"coord": BAD_ATOM}, "atom 1 .*finite"),
        ({"coord": -np.inf + np.zeros((2, 3))}, "atom 0 .*finite"),
        ({"coord": 1e40 + np.zeros((2, 3))}, "atom 0 .*cells away"),
        ({"box": np.eye(2)}, r"box has shape \(2, 2\)"),
        ({"box": np.zeros((3, 3))}, "linearly dependent"),
        ({"box": np.full((3, 3), np.nan)}, "NaN"),
        ({"box": 1e-3 * np.eye(3)}, "too many images"),
        ({"box": None, "pbc": True}, "needs a cell"),
        ({"pbc": [True, False]}, "pbc is"),
        ({"atype": [0]}, r"expected \(2,\) integers"),
        ({"atype": [0.0, 1.0]}, "holds float64"),
        ({"atype": [0, 5], "ntypes": 2}, "atom 1 has type 5"),
        ({"atype": [-2, 0]}, "atom 0 has type -2"),
        ({"rcut": 0.0}, "cut-off is 0"),
        ({"rcut": np.nan}, "cut-off is nan"),
        ({"sel": [4]}, "expected 2 numbers"),
        ({"sel": [4, -1]}, "none below 0"),
        ({"exclude_pairs": [0, 1]}, "expected pairs of types"),
    ],
)
def test_mistakes_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        build_neighbor_list(**{**GOOD, **change})
