# SPDX-License-Identifier: LGPL-3.0-or-later
"""Embedding nets as matrices: how well a basis represents them."""

from __future__ import annotations

import numpy as np
import pytest

from deepmd_dp.dialect.edge_rows import EnvSettings
from deepmd_dp.dialect.moments import Basis, chebyshev_moments
from deepmd_dp.nn import matrix
from deepmd_dp.nn.network import EmbeddingNetwork

SMOOTH = ["tanh", "sigmoid", "softplus", "gelu", "gelu_tf", "silu", "linear"]
POINTS = np.linspace(-1.5, 12.0, 2001)


def make_net(activation_function="tanh", factor=1.0, precision="float64"):
    rng = np.random.default_rng(0)
    settings = {"activation_function": activation_function, "precision": precision, "resnet_dt": True}
    net = EmbeddingNetwork.initial(rng, 1, [25, 50, 100], **settings)
    for layer in net.layers:
        layer.w[...] *= factor
        layer.idt[...] = 1.0
    return net


def rows_of(net):
    return lambda s: net(s[:, None])


def polynomials(s, basis):
    """T_q of each number, (n, Q)."""
    return chebyshev_moments(s[:, None], np.ones((len(s), 1, 1)), None, basis=basis)[:, 0, 0]


@pytest.mark.parametrize("activation_function", SMOOTH)
@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_smooth_net_is_a_matrix(activation_function, factor):
    net = make_net(activation_function, factor)
    assert matrix.is_matrix(net)
    basis = matrix.find_basis(rows_of(net), -1.5, 12.0)
    assert basis.bounds[0] == -1.5
    assert basis.bounds[-1] == 12.0
    assert basis.nintervals < 25
    expected = net(POINTS[:, None])
    c = matrix.matrix(net, basis, POINTS)
    np.testing.assert_allclose(polynomials(POINTS, basis) @ c, expected, atol=5e-14 * np.abs(expected).max())
    # central differences of both, and what is left of rounding in them
    inside = POINTS[1:-1]
    steps = [polynomials(inside + h, basis) @ c - net((inside + h)[:, None]) for h in (-1e-3, 1e-3)]
    assert np.abs(steps[1] - steps[0]).max() < 2e-3 * 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize("activation_function", ["relu", "relu6", "silut:3.0", "custom_silu"])
def test_a_net_with_kinks_stays_a_net(activation_function):
    assert not matrix.is_matrix(make_net(activation_function))


def test_what_no_polynomials_represent_has_no_basis():

    def kinks(s):
        return np.abs(np.sin(40.0 * s))[:, None]

    assert matrix.find_basis(kinks, -1.0, 3.0) is None
    assert matrix.refine_basis(kinks, Basis((-1.0, 3.0))) is None


def test_beyond_the_range_a_net_goes_on_linearly():
    net = make_net()
    basis = matrix.find_basis(rows_of(net), -1.5, 12.0)
    c = matrix.matrix(net, basis, POINTS)
    for end, sign in ((-1.5, -1.0), (12.0, 1.0)):
        inside, at, beyond, further = (
            polynomials(np.array([end + sign * h]), basis) @ c for h in (-1e-5, 0.0, 1.0, 4.0)
        )
        np.testing.assert_allclose(at + 4.0 * (beyond - at), further, atol=1e-10)
        np.testing.assert_allclose(beyond - at, (at - inside) / 1e-5, atol=1e-4)


def test_the_check_sees_a_net_change_and_refining_heals_it():
    net, other = make_net(), make_net(factor=2.0)
    basis = matrix.find_basis(rows_of(net), -1.5, 12.0)
    assert matrix.basis_errors(rows_of(net), basis).are_within(matrix.TOLERANCE).all()
    fine = matrix.basis_errors(rows_of(other), basis).are_within(1e-12)
    assert not fine.all()
    refined = matrix.refine_basis(rows_of(other), basis, 1e-12)
    assert set(basis.bounds) < set(refined.bounds)
    assert matrix.basis_errors(rows_of(other), refined).are_within(1e-12).all()


def test_a_net_of_single_precision_is_evaluated_in_double():
    net = make_net(precision="float32")
    double = matrix.in_double(net, POINTS)
    basis = matrix.find_basis(rows_of(double), -1.5, 12.0, 1e-9)
    c = matrix.matrix(net, basis, POINTS.astype(np.float32))
    assert c.dtype == np.float32
    np.testing.assert_array_equal(c, matrix.matrix(double, basis, POINTS).astype(np.float32))
    assert matrix.basis_errors(rows_of(double), basis).are_within(1e-9).all()


def test_matrices_in_every_library(library):
    net = make_net()
    basis = Basis((-1.5, 0.0, 12.0), 8)
    converted = library.convert(net)
    c = matrix.matrix(converted, basis, converted.layers[0].w)
    np.testing.assert_allclose(library.to_numpy(c), matrix.matrix(net, basis, POINTS), atol=1e-12)


def test_the_range_reaches_from_empty_slots_to_the_smallest_distance():
    settings = EnvSettings(rcut=6.0, rcut_smth=0.5)
    davg, dstd = np.array([0.1, 0.2]), np.array([0.2, 0.1])
    low, high = matrix.input_range(davg, dstd, settings, matrix.SMALLEST_DISTANCE)
    assert low == pytest.approx(-2.0)
    assert high == pytest.approx((1.0 / matrix.SMALLEST_DISTANCE - 0.2) / 0.1)
    assert matrix.input_range(davg, dstd, settings, 0.25)[1] == pytest.approx((4.0 - 0.2) / 0.1)
