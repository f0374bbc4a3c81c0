# SPDX-License-Identifier: LGPL-3.0-or-later
"""Chebyshev moments in plain form: against sums written out, against nets, and their derivatives."""

from __future__ import annotations

import autograd
import numpy as np
import pytest
from autograd.numpy import sum as traced_sum

from deepmd_dp.dialect import ops
from deepmd_dp.dialect.edge_rows import edge_rows
from deepmd_dp.nn import matrix
from deepmd_dp.nn.network import EmbeddingNetwork
from deepmd_dp.numpy_backend import namespace  # noqa: F401  makes traced arrays known

BOUNDS = (-1.5, -0.4, 0.3, 2.0, 5.0)


def written_out(s, rows, segment, basis, nsegments):
    """The sums edge by edge, with T_q(u) = cos(q arccos u) and its line beyond the ends."""
    (n, nedge), columns, q = s.shape, rows.shape[2], np.arange(basis.degree)
    bounds = np.asarray(basis.bounds)
    moments = np.zeros((n, columns, nsegments, basis.nintervals, basis.degree))
    for i, j in np.ndindex(n, nedge):
        where = 0 if segment is None else segment[i, j]
        k = int(np.clip(np.searchsorted(bounds, s[i, j], side="right") - 1, 0, basis.nintervals - 1))
        u = (2.0 * s[i, j] - bounds[k] - bounds[k + 1]) / (bounds[k + 1] - bounds[k])
        end = np.clip(u, -1.0, 1.0)
        slopes = q**2 * np.where(u < 0, (-1.0) ** (q + 1), 1.0)
        if where >= 0:
            moments[i, :, where, k] += rows[i, j][:, None] * (np.cos(q * np.arccos(end)) + (u - end) * slopes)
    return moments.reshape(n, columns, nsegments, basis.size)


def make_edges(nsegments=None, n=4, nedge=30, seed=0):
    rng = np.random.default_rng(seed)
    segment = None if nsegments is None else rng.integers(-1, nsegments, (n, nedge))
    return rng.uniform(-2.5, 7.0, (n, nedge)), rng.normal(size=(n, nedge, 4)), segment


@pytest.mark.parametrize("degree", [1, 2, 7, 16, 24])
@pytest.mark.parametrize("bounds", [BOUNDS, (-1.5, 5.0)], ids=["4", "1"])
@pytest.mark.parametrize("nsegments", [None, 1, 3])
def test_moments_are_the_sums(degree, bounds, nsegments, library):
    basis, (s, rows, segment) = ops.Basis(bounds, degree), make_edges(nsegments)
    expected = written_out(s, rows, segment, basis, nsegments or 1)
    given = library.convert((s, rows, segment))
    moments = ops.chebyshev_moments.plain(*given, basis=basis, nsegments=nsegments or 1)
    np.testing.assert_allclose(library.to_numpy(moments), expected, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("size", [(0, 5), (3, 0)])
def test_no_edges(size, library):
    s, rows, segment = library.convert((np.zeros(size), np.zeros((*size, 4)), np.zeros(size, np.int64)))
    basis = ops.Basis(BOUNDS, 16)
    for given in (None, segment):
        moments = ops.chebyshev_moments.plain(s, rows, given, basis=basis, nsegments=1)
        assert tuple(moments.shape) == (size[0], 4, 1, basis.size)
        assert not library.to_numpy(moments).any()


def make_environment(columns=4, nsegments=None, slots=False, n=3, nnei=11, seed=1):
    """Arguments of `environment_moments`; some neighbors are close, some beyond the cut-off, some not counted."""
    rng = np.random.default_rng(seed)
    edge_vec = rng.normal(size=(n, nnei, 3)) * rng.uniform(0.3, 3.0, (n, nnei, 1))
    weights = rng.integers(0, 2, (n, nnei)).astype(float)
    segment = None if nsegments is None else rng.integers(0, nsegments, (n, nnei))
    shape = (n, nnei if slots else 1, columns)
    return edge_vec, weights, segment, rng.normal(size=shape) * 0.1, rng.uniform(2.0, 4.0, shape)


@pytest.mark.parametrize("settings", [(4.0, 0.5), (4.0, 2.0, 0.1, 1), (4.0, 2.0, 0.0, 4, True)], ids=str)
@pytest.mark.parametrize("nsegments", [None, 2])
@pytest.mark.parametrize("slots", [False, True])
@pytest.mark.parametrize("switched", [False, True])
def test_moments_of_an_environment(settings, nsegments, slots, switched, library):
    settings, basis = ops.EnvSettings(*settings), ops.Basis(BOUNDS, 16)
    edge_vec, weights, segment, shift, scale = make_environment(settings.columns, nsegments, slots)
    raw, switch, _ = edge_rows(edge_vec, settings)
    rows = (raw - shift) * scale
    expected = [written_out(rows[:, :, 0], rows * w, segment, basis, nsegments or 1) for w in (
        weights[..., None], weights[..., None] * switch
    )]  # fmt: skip
    moments = ops.environment_moments.plain(
        *library.convert((edge_vec, weights, segment, shift, scale)),
        settings=settings,
        basis=basis,
        nsegments=nsegments or 1,
        switched=switched,
    )
    expected = np.stack(expected, axis=1) if switched else expected[0]
    np.testing.assert_allclose(library.to_numpy(moments), expected, atol=1e-14 * np.abs(expected).max())


@pytest.mark.parametrize("nsegments", [None, 2])
def test_derivatives(nsegments):
    """Against finite differences, the first of the moments and that of the first along a direction."""
    edge_vec, *others = make_environment(nsegments=nsegments)
    settings, basis = ops.EnvSettings(4.0, 1.0), ops.Basis((-1.5, 0.3, 2.0), 6)
    rng = np.random.default_rng(2)
    grad_moments = rng.normal(size=(len(edge_vec), 4, nsegments or 1, basis.size))
    along, direction = rng.normal(size=(2, *edge_vec.shape))

    def energy(vec):
        moments = ops.environment_moments(vec, *others, settings=settings, basis=basis, nsegments=nsegments or 1)
        return traced_sum(moments * grad_moments)

    def slope(vec):
        return traced_sum(autograd.grad(energy)(vec) * along)

    for function in (energy, slope):
        gradient = np.sum(autograd.grad(function)(edge_vec) * direction)
        step = 1e-5 * direction
        difference = (function(edge_vec + step) - function(edge_vec - step)) / 2e-5
        assert gradient == pytest.approx(difference, rel=1e-7)


@pytest.mark.parametrize("activation_function", ["tanh", "gelu", "softplus"])
def test_moments_times_matrix_are_the_net(activation_function):
    rng = np.random.default_rng(3)
    net = EmbeddingNetwork.initial(rng, 1, [25, 50, 100], activation_function=activation_function)
    basis = matrix.find_basis(lambda s: net(s[:, None]), -1.5, 12.0)
    s, rows = rng.uniform(-1.5, 12.0, (5, 60)), rng.normal(size=(5, 60, 4))
    expected = np.matmul(np.swapaxes(rows, 1, 2), net(s[:, :, None]))
    moments = ops.chebyshev_moments(s, rows, None, basis=basis)[:, :, 0] @ matrix.matrix(net, basis, s)
    np.testing.assert_allclose(moments, expected, atol=2e-14 * np.abs(expected).max())
