# SPDX-License-Identifier: LGPL-3.0-or-later
"""Few sizes serve many frames, and a bounded number of programs is kept."""

from __future__ import annotations

from threading import Thread

import numpy as np
import pytest

from deepmd_dp.kit.common_sizes import MOST_SIZES, CommonSizes, round_up
from deepmd_dp.kit.programs import Programs


def sizes(natoms: int, widths: tuple[int, ...] = (40, 80), share: float = 1 / 3, nframes: int = 1) -> dict[str, int]:
    first = round(share * nframes * natoms)
    return {
        "nframes": nframes,
        "nloc": natoms,
        **{f"nnei_0_{block}": width for block, width in enumerate(widths)},
        **{f"natoms_{t}": size for t, size in enumerate((first, nframes * natoms - first))},
        "nframes*nloc": nframes * natoms,
    }


def choose(common: CommonSizes, needed: dict[str, int]) -> dict[str, int]:
    def rounded(steps: int) -> dict[str, int]:
        new = {name: round_up(size, steps) for name, size in needed.items()} | {"nframes": needed["nframes"]}
        return new | {"nframes*nloc": new["nframes"] * new["nloc"]}

    chosen = common.choose(needed, {"nframes"}, rounded)
    assert all(chosen[name] >= size for name, size in needed.items())
    return chosen


def number_of(chosen: list[dict[str, int]]) -> int:
    return len({tuple(each.items()) for each in chosen})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("order", ["any", "rising"])
@pytest.mark.parametrize("largest", [70, 600])
def test_sixty_sizes_of_any_composition_take_few_programs(seed, largest, order):
    common, rng = CommonSizes(), np.random.default_rng(seed)
    numbers = np.linspace(10, largest, 60).astype(int)
    frames = [
        sizes(int(natoms), tuple(rng.integers(20, 90, 2).tolist()), rng.uniform(0.1, 0.9))
        for natoms in (numbers if order == "rising" else rng.permutation(numbers))
    ]
    chosen = [choose(common, each) for each in frames * 2]
    assert number_of(chosen) <= 22 <= MOST_SIZES


def test_frames_of_one_size_are_hardly_padded():
    common, rng = CommonSizes(), np.random.default_rng(0)
    chosen = [choose(common, sizes(192, tuple(rng.integers(36, 47, 2).tolist()))) for _ in range(100)]
    assert number_of(chosen) <= 4
    assert all(each["nloc"] == 192 and each["nnei_0_0"] <= 52 for each in chosen)


def test_sizes_longest_unused_are_forgotten():
    common = CommonSizes()
    first = choose(common, sizes(100))
    for natoms in range(1, 200):
        choose(common, sizes(100, nframes=natoms + 1))
    assert choose(common, sizes(97)) != first


def test_programs_longest_unused_are_dropped():
    dropped: list[list[int]] = []
    programs = Programs[list](list, dropped.append, most=3)
    for key in (1, 2, 3, 1, 4):
        programs[key].append(key)
    assert dropped == [[2]]
    assert len(programs) == 3
    assert (programs[1], programs[2], programs.nmade) == ([1, 1], [], 5)


def test_threads_get_the_same_program():
    programs, found = Programs[object](object, lambda _: None), []
    threads = [Thread(target=lambda: found.append(programs[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, found))) == 1
