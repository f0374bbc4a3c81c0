# SPDX-License-Identifier: LGPL-3.0-or-later
"""The operations on kernels, held to their plain forms."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deepmd_dp.conformance.moments_cases import KINDS, assert_agree, make_case
from deepmd_dp.dialect import operation
from deepmd_dp.dialect import ops as plain_ops
from deepmd_dp.kit import kernels
from deepmd_tf import arrays, kernel_library, ops


def converted(given):
    return [None if each is None else tf.constant(each) for each in given]


def quantities(case, form, with_geometry=False):
    """A, derivatives of an energy of it, and those of a loss of both by coefficients, if wanted by the geometry."""
    constants = converted(case.constants)

    def run(derived, c):
        wanted = [c, *derived] if with_geometry else [c]
        with kernels.in_graphs(), tf.GradientTape() as outer:
            outer.watch(wanted)
            with tf.GradientTape() as inner:
                inner.watch(derived)
                moments = form(*derived, *constants, **case.keywords)
                energy = tf.reduce_sum(tf.sin(moments * c))
            forces = inner.gradient(energy, derived)
            # displacements are of double precision always
            loss = 0.1 * energy**2 + tf.cast(tf.add_n([tf.reduce_sum(force**2) for force in forces]), energy.dtype)
        return [moments, *forces, *outer.gradient(loss, wanted)]

    function = tf.function(run, autograph=False)
    return function, (converted(case.derived), tf.constant(case.coefficients()))


def numbers(function, arguments):
    return [each.numpy() for each in function(*arguments)]


def passes(function, arguments):
    """The operators of the library in the function's graph, pruned of what nothing needs."""
    graph = function.get_concrete_function(*arguments).graph
    outputs = [each.op.name for each in tf.nest.flatten(graph.outputs)]
    pruned = tf.compat.v1.graph_util.extract_sub_graph(graph.as_graph_def(), outputs)
    return [int(node.attr["counts"].list.i[-1]) for node in pruned.node if node.op == "DeepmdMoments"]


@pytest.mark.parametrize("kind", KINDS)
def test_moments_and_their_derivatives(kind):
    case = make_case(kind)
    kernel, plain = case.forms()
    mine, theirs = (quantities(case, form, with_geometry=kind in ("switched", "general")) for form in (kernel, plain))
    assert set(passes(*mine)) == {0, 1, 2}
    assert passes(*theirs) == []
    assert_agree(numbers(*mine), numbers(*theirs), 1e-12)


@pytest.mark.parametrize("kind", ["environment", "switched", "general"])
def test_moments_of_single_precision(kind):
    case = make_case(kind, dtype=np.float32)
    assert_agree(*(numbers(*quantities(case, form)) for form in case.forms()), 1e-4)


@pytest.mark.filterwarnings("ignore:`tf.compat.v1.graph_util")
def test_a_loss_of_forces_runs_three_passes_and_no_plain_form():
    case = make_case("environment")
    function, arguments = quantities(case, case.forms()[0])
    assert sorted(passes(function, arguments)) == [0, 1, 2]


@pytest.mark.parametrize("size", [(0, 5), (3, 0)])
@pytest.mark.parametrize("kind", ["segments", "general"])
def test_no_edges(size, kind):
    case = make_case(kind, *size)
    assert_agree(*(numbers(*quantities(case, form)) for form in case.forms()), 0.0)


def test_third_derivatives():
    case, results = make_case("general", 2, 3), []
    for form in case.forms():

        def run(derived, form=form):
            with kernels.in_graphs(), tf.GradientTape() as third:
                third.watch(derived)
                with tf.GradientTape() as second:
                    second.watch(derived)
                    with tf.GradientTape() as first:
                        first.watch(derived)
                        moments = form(*derived, *converted(case.constants), **case.keywords)
                        energy = tf.reduce_sum(tf.sin(0.1 * moments))
                    squares = tf.add_n([tf.reduce_sum(each**2) for each in first.gradient(energy, derived)])
                again = tf.add_n([tf.reduce_sum(tf.sin(each)) for each in second.gradient(squares, derived)])
            return third.gradient(again, derived)

        results.append(numbers(tf.function(run, autograph=False), [converted(case.derived)]))
    assert_agree(*results, 1e-6)


def test_sizes_that_are_open():
    case = make_case("segments")
    kernel, plain = case.forms()

    def run(vec, weights, segment, shift, scale):
        with kernels.in_graphs():
            return kernel(vec, weights, segment, shift, scale, **case.keywords)

    arguments = converted((*case.derived, *case.constants))
    open_sizes = [tf.TensorSpec([None, None, *each.shape[2:]], each.dtype) for each in arguments[:3]]
    open_sizes += [tf.TensorSpec([None, 1, 4], tf.float64)] * 2
    function = tf.function(run, input_signature=open_sizes, autograph=False)
    assert function.get_concrete_function().output_shapes == tf.TensorShape([None, 4, 2, 48])
    np.testing.assert_allclose(function(*arguments), plain(*arguments, **case.keywords), atol=1e-12)


def test_falls_back_where_the_kernels_cannot_run(monkeypatch):
    def rows():
        return tf.zeros((2, 3, 3), tf.float64), tf.zeros((2, 3), tf.float64)

    vec, other = rows()
    assert not ops.can_run((vec,), (other,))  # outside of a training
    with kernels.in_graphs():
        assert not ops.can_run((vec,), (other,))  # eagerly
        with tf.Graph().as_default():
            vec, other = rows()
            assert ops.can_run((vec,), (other,))
            assert ops.can_run((other, vec), (tf.cast(other, tf.int32),))
            assert not ops.can_run((tf.cast(vec, tf.float32),), (other,))
            assert not ops.can_run((vec,), (tf.cast(other, tf.float16),))
            monkeypatch.setenv("DP_PLAIN_OPS", "1")
            assert not ops.can_run((vec,), (other,))


def test_all_are_registered_with_the_arrays():
    assert arrays  # importing it is enough
    for name in (
        "split_switched",
        "scatter_add",
        "gather_rows",
        "outer_products",
        "environment_moments",
        "chebyshev_moments",
    ):
        assert (name, "deepmd_tf.namespace") in operation._overrides


def test_wrong_arguments_are_refused():
    run = kernel_library.load_library().deepmd_moments
    s, rows = tf.zeros((3, 1), tf.float64), tf.zeros((3, 1, 4), tf.float64)
    bits = np.array([0.0, 0.0, 0.0, -1.0, 1.0]).view(np.int64).tolist()
    attributes = {"Tout": [tf.float64], "numbers": bits, "counts": [16, 4, 1, 0, 0, 0, 0, 0]}
    assert run(inputs=[s, rows], **attributes)[0].shape == (3, 4, 1, 16)
    with pytest.raises(tf.errors.InvalidArgumentError, match="deepmd_tf: rows has the shape"):
        run(inputs=[s, s], **attributes)
    with pytest.raises(tf.errors.InvalidArgumentError, match="deepmd_tf: moments got a wrong number"):
        run(inputs=[s], **attributes)
    with pytest.raises(tf.errors.InvalidArgumentError, match="deepmd_tf: the attributes"):
        run(inputs=[s, rows], **attributes | {"counts": [16]})


@pytest.fixture
def new_library():
    """The library as if it had not been loaded yet."""
    kernel_library.load_library.cache_clear()
    yield
    kernel_library.load_library.cache_clear()


def message_of_loading() -> str:
    with pytest.warns(RuntimeWarning) as caught:
        assert kernel_library.load_library() is None
    assert kernel_library.load_library() is None  # a second warning would be an error
    (warning,) = caught
    return str(warning.message)


@pytest.mark.usefixtures("new_library")
def test_one_warning_where_the_library_is_for_another_release(monkeypatch):
    monkeypatch.setattr(tf, "__version__", "2.999.0")
    message = message_of_loading()
    assert message.startswith("deepmd-tf runs without its kernels, which is slower: libdeepmd_tf_ops_2_999 ")
    assert "DP_PLAIN_OPS=1" in message


@pytest.mark.usefixtures("new_library")
def test_one_warning_where_the_library_is_damaged(monkeypatch, tmp_path):
    (tmp_path / "damaged.so").write_bytes(b"no library")
    monkeypatch.setattr(kernel_library, "find_library", lambda *_: tmp_path / "damaged.so")
    assert "damaged.so" in message_of_loading()


def test_operations_on_rows_and_their_derivatives():
    x, y = np.random.default_rng(0).normal(size=(2, 2, 3, 4))

    def of_rows(x, y):
        scaled = plain_ops.scale_rows(x, plain_ops.squared_length(y) + 1.0)
        return plain_ops.matmul_transposed(scaled, tf.sin(y))

    found = [numbers(tf.function(two_derivatives(of_rows)), converted((x, y)))]
    with operation.plain_forms():
        found.append(numbers(tf.function(two_derivatives(of_rows)), converted((x, y))))
    assert_agree(*found, 1e-13)


def two_derivatives(form):
    def run(*given):
        with tf.GradientTape() as outer:
            outer.watch(given)
            with tf.GradientTape() as inner:
                inner.watch(given)
                energy = tf.reduce_sum(form(*given) ** 2)
            forces = inner.gradient(energy, given)
            loss = tf.add_n([tf.reduce_sum(force**2) for force in forces])
        return [energy, *forces, *outer.gradient(loss, given)]

    return run
