# SPDX-License-Identifier: LGPL-3.0-or-later
"""Lists of the training's frames, built once and kept in small integers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepmd.data.batch import Batch
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.water import full_input, new_document_of
from deepmd_dp.environment import neighbor_cache
from deepmd_dp.environment.builder import frame_neighbors
from deepmd_dp.environment.neighbor_cache import NeighborCache
from deepmd_dp.model import deserialize_model


@pytest.fixture(scope="module")
def model():
    return deserialize_model(new_document_of(full_input())["model"])


@pytest.fixture
def built(monkeypatch):
    """Frames whose lists were built, not found."""
    calls = []
    monkeypatch.setattr(
        neighbor_cache, "frame_neighbors", lambda *arguments: calls.append(1) or frame_neighbors(*arguments)
    )
    return calls


def batch_of(kind: str, **fields) -> Batch:
    frames = FRAMES[kind]
    return Batch(frames.coords, frames.cells, frames.atom_types, frames=np.arange(len(frames.coords)), **fields)


@pytest.mark.parametrize("kind", FRAMES)
def test_kept_lists_are_those_that_were_built(model, built, kind):
    cache, batch = NeighborCache(model), batch_of(kind)
    cache.lists(batch)
    count = len(built)
    for k, lists in enumerate(cache.lists(batch)):
        box = None if batch.box is None else batch.box[k]
        for found, expected in zip(lists, frame_neighbors(model, batch.coord[k], box, batch.atype[k]), strict=True):
            assert np.array_equal(found.nlist, expected.nlist)
            assert np.abs(found.shift - expected.shift).max() < 1e-12
    assert len(built) == count == batch.nframes


def test_merged_batches_share_frames_whatever_they_are_joined_with(model, built):
    cache, batch = NeighborCache(model), batch_of("periodic and triclinic", merged=True, system="one, other")
    cache.lists(batch)
    cache.lists(replace(batch, system="other, third"))
    assert len(built) == 2


def test_systems_are_told_apart(model, built):
    cache, batch = NeighborCache(model), batch_of("periodic and triclinic", system="one")
    cache.lists(batch)
    cache.lists(replace(batch, system="other"))
    assert len(built) == 4


def test_a_full_cache_keeps_what_it_has(model, built):
    batch = batch_of("periodic and triclinic")
    cache = NeighborCache(model, budget=0)
    cache.lists(batch)
    cache.lists(batch)
    assert len(built) == 4
