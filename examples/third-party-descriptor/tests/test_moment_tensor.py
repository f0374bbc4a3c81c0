# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the description is: invariant, smooth at the cut-off, and of more than three bodies."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd.errors import InputError
from deepmd.schema import normalize
from deepmd_dp.conformance import Case
from deepmd_dp.conformance.documents import full_input, random_document
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model import deserialize_model

RCUT, CHANNELS = 4.0, 3
CASE = Case("moments", {"type": "mtp", "rcut": RCUT, "rcut_smth": 2.0, "sel": [9, 12], "channels": CHANNELS})
MODEL = deserialize_model(random_document(CASE)["model"])
TYPES = np.array([0, 1, 1, 0, 1, 0, 1])
COORD = np.random.default_rng(2).normal(scale=1.5, size=(len(TYPES), 3))
ROTATION, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))


def describe(coord, types=TYPES):
    """Invariant (natoms, 10, channels) and equivariant part (natoms, channels, 3) of a cluster."""
    description = MODEL.descriptor(build_environment(MODEL, coord[None], None, types[None]))
    return description.invariant[0].reshape(len(types), -1, CHANNELS), description.equivariant[0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_rotations_and_mirror_images(sign):
    (invariant, vectors), (rotated, turned) = describe(COORD), describe(COORD @ (sign * ROTATION) + 3.0)
    np.testing.assert_allclose(rotated, invariant, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(turned, vectors @ (sign * ROTATION), rtol=1e-11, atol=1e-12)
    assert np.all(np.abs(invariant).max(axis=(0, 2)) > 1e-4)


def test_the_order_of_the_atoms():
    order = np.random.default_rng(4).permutation(len(TYPES))
    np.testing.assert_allclose(describe(COORD[order], TYPES[order])[0], describe(COORD)[0][order], rtol=1e-11)


def test_it_vanishes_with_two_derivatives_at_the_cut_off():
    """An atom that comes in by h changes the moments by h³, so that forces and their derivatives are continuous."""
    alone = describe(COORD, TYPES)[0][0]

    def change(depth):
        newcomer = COORD[0] + (RCUT - depth) * np.array([[0.6, 0.0, 0.8]])
        return np.abs(describe(np.concatenate([COORD, newcomer]), np.append(TYPES, 1))[0][0] - alone).max()

    assert change(-0.01) == 0.0
    assert 0.0 < change(0.01) < 1e-6
    assert change(0.02) / change(0.01) == pytest.approx(8.0, rel=0.1)


def test_it_tells_apart_what_pairs_of_neighbors_do_not():
    """Neighbors on a ring at {0, 1, 2, 5} and {0, 1, 3, 4} eighths have the same distances and the same angles.

    Descriptors of three bodies, such as se_e2_a, give the same for both centres.
    """
    rings = []
    for eighths in ([0, 1, 2, 5], [0, 1, 3, 4]):
        angle = np.array(eighths) * np.pi / 4
        ring = 1.5 * np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
        rings.append(describe(np.concatenate([np.zeros((1, 3)), ring]), np.array([0, 1, 1, 1, 1]))[0][0])
    three_bodies, four_bodies, _ = np.split(np.abs(rings[0] - rings[1]), [4, 7])
    assert three_bodies.max() < 1e-12
    assert four_bodies.max() > 1e-2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sel": [9]}, "model/descriptor/sel is a list of 1; expected 2 numbers"),
        ({"rcut_smth": 5.0}, "model/descriptor/rcut_smth is 5.0; expected less than rcut"),
        ({"channels": 0}, "model/descriptor/channels is 0; expected a positive number"),
        ({"neuron": [5]}, "model/descriptor/neuron: there is no such key"),
    ],
)
def test_mistakes_in_the_input_are_named(changes, message):
    config = full_input(CASE)
    config["model"]["descriptor"] |= changes
    with pytest.raises(InputError, match=message):
        normalize(config)
