# SPDX-License-Identifier: LGPL-3.0-or-later
"""Shapes stand in the annotations of all functions that take or give arrays, and the tests execute them."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import executed_shapes
import numpy as np
import pytest
from beartype.roar import BeartypeDoorHintViolation

import deepmd_dp
from deepmd_dp.descriptor.moments import RowMoments
from deepmd_dp.dialect import array, operation, ops
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.environment import Environment, NeighborBlock, assemble
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.kit import deep_eval
from deepmd_dp.kit.signature import Signature, with_file_inputs
from deepmd_dp.loss.reduction import projections
from deepmd_dp.nn.network import Layer
from deepmd_dp.numpy_backend.deep_eval import NumpyDeepEval
from deepmd_dp.numpy_backend.derivative import derivative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(deepmd_dp.__file__).parent
ANY_SHAPE = {
    "deepmd_dp.dialect.array": "what arrays are",
    "deepmd_dp.dialect.array_api": "asks any array for its library",
    "deepmd_dp.dialect.module": "trees of arrays",
    "deepmd_dp.numpy_backend.namespace": "functions of the standard",
}
"""Modules to which the shape of an array makes no difference."""


def numbers(*shape: int) -> np.ndarray:
    return np.zeros(shape)


def integers(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int64)


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "number of axes": (lambda: ops.gather_rows(numbers(2), integers(2, 4)), "gather_rows, array: "),
    "lengths that differ": (lambda: ops.scatter_add(numbers(2, 5, 3), integers(2, 4), 7), "nrows is 4 .* of 5"),
    "a length that is said": (lambda: projections(numbers(2, 5, 4), numbers(2, 5, 6)), "4 does not equal 3"),
    "kind of numbers": (lambda: ops.scatter_add(numbers(2, 4, 3), numbers(2, 4), 7), "dtype float64"),
    "no array": (lambda: Layer(w=numbers(3, 2))([1.0, 2.0, 3.0]), r"Layer\.__call__, x: "),
    "field of a module": (lambda: Layer(w=numbers(3, 2), b=numbers(3)), r"Layer\.__init__, b: "),
    "fields that differ": (lambda: NeighborBlock(edge_vec=numbers(1, 2, 4, 3), nlist=integers(1, 2, 5)), "nnei is 5"),
    "field of a named tuple": (lambda: RowMoments(numbers(4, 3), numbers(4, 2, 1)), "nnei is 2"),
    "one of a container's": (lambda: assemble([numbers(4, 3), numbers(4, 2)], environment()), "variadic"),
}
"""Calls, and what is said of them."""


def environment() -> Environment:
    """Without any list."""
    return Environment(lists=(), atype=integers(1, 8), specs=())


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arrays_are_noticed(call, message):
    with pytest.raises(BeartypeDoorHintViolation, match=message):
        call()


def test_wrong_results_are_noticed(monkeypatch):
    """Here of an override, of whose result the operation's integer argument says a length."""
    namespace = array_namespace(numbers())
    monkeypatch.setitem(operation._overrides, ("scatter_add", namespace.__name__), lambda *_: numbers(2, 8, 3))
    arguments = numbers(2, 5, 3), integers(2, 5)
    assert ops.scatter_add(*arguments, 8).shape == (2, 8, 3)
    with pytest.raises(BeartypeDoorHintViolation, match=r"scatter_add, return: [\s\S]* size is 8 .* of 7"):
        ops.scatter_add(*arguments, 7)


def test_shapes_of_an_evaluation(water, monkeypatch):
    """By parts, of descriptors, and by a file's signature: the conformance suite has the numbers of other backends."""
    evaluator, inputs = NumpyDeepEval(str(water.path)), (water.coord, water.box, water.atype)
    whole = evaluator.eval(*inputs, atomic=True), evaluator.eval_descriptor(*inputs)
    monkeypatch.setattr(deep_eval, "atoms_per_part", lambda *_: 5)
    by_parts = evaluator.eval(*inputs, atomic=True), evaluator.eval_descriptor(*inputs)
    np.testing.assert_allclose(by_parts[0]["force"], whole[0]["force"], atol=1e-12)
    np.testing.assert_allclose(by_parts[1], whole[1], atol=1e-12)
    signature = Signature.of(water.model)
    arrays = signature.pack(with_file_inputs(build_environment(water.model, *inputs), water.model))
    by_name = signature.evaluate(water.model, arrays, derivative)
    np.testing.assert_allclose(by_name["atom_virial"], whole[0]["atom_virial"], atol=1e-12)


class Definition(NamedTuple):
    """A function, or what makes the fields of a class."""

    module: str
    name: str
    annotations: dict[str, ast.expr]
    """Of arguments and result, or of fields."""
    decorators: list[str]

    @property
    def is_public(self) -> bool:
        return not any(each.startswith("_") for each in self.name.replace("__call__", "").split("."))

    @property
    def is_executed(self) -> bool:
        """Protocols are never called; what autograd derives hides its annotations, and overrides an operation."""
        owner = getattr(importlib.import_module(self.module), self.name.partition(".")[0])
        return not getattr(owner, "_is_protocol", False) and "primitive" not in self.decorators

    def arrays(self, with_shape: bool) -> set[str]:
        """Names of annotations that have an array with a shape, or without."""
        return {name for name, each in self.annotations.items() if with_shape in set(shapes(each))}

    def axes(self) -> set[str]:
        """Names of axes, those aside that stand for any."""
        texts = [ast.unparse(each) for each in self.annotations.values()]
        found = re.findall(rf"(?:{'|'.join(executed_shapes.KINDS)})\[[\w.]+, '(.*?)'\]", " ".join(texts))
        names = {name for axes in found for name in re.findall(r"(?<![\w*])[a-z]\w*", axes.replace("*#", "*"))}
        return names - {"n", "m"}

    def executed(self) -> set[str]:
        """Names of what is checked, of fields by what makes them."""
        makers = (self.name, f"{self.name}.__init__", f"{self.name}.__new__")
        return {each for name in makers for each in executed_shapes.checked.get(f"{self.module}.{name}", ())}


def shapes(node: ast.AST) -> Iterator[bool]:
    """For the arrays in an annotation whether there is a shape.

    It is not asked of what a callable takes, and arrays by name may have different ones.
    """
    name = ast.unparse(node.value if isinstance(node, ast.Subscript) else node)
    if name in (*executed_shapes.KINDS, "Array", "np.ndarray"):
        yield name in executed_shapes.KINDS
    elif name != "Callable":
        inner = (each for child in ast.iter_child_nodes(node) for each in shapes(child))
        yield from filter(None, inner) if name in ("dict", "Mapping") else inner


@cache
def sources() -> dict[str, ast.Module]:
    """The modules of the package by name."""
    files = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}
    return {
        name.removesuffix(".__init__"): ast.parse(path.read_text(encoding="utf-8"))
        for name, path in files.items()
        if name not in ANY_SHAPE
    }


def definitions() -> Iterator[Definition]:
    """All of the package, functions inside functions aside."""
    for module, tree in sources().items():
        waiting = [("", node) for node in tree.body]
        for prefix, node in waiting:
            if isinstance(node, ast.ClassDef):
                waiting += [(f"{prefix}{node.name}.", each) for each in node.body]
                fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
                yield Definition(module, prefix + node.name, {ast.unparse(x.target): x.annotation for x in fields}, [])
            elif isinstance(node, ast.FunctionDef):
                decorators = list(map(ast.unparse, node.decorator_list))
                yield Definition(module, prefix + node.name, annotations(node), decorators)


def annotations(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Those of the arguments and of the result; of an argument `like`, which lends its library and type, none."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    found = {each.arg: each.annotation for each in arguments if each.arg != "like"} | {"return": function.returns}
    return {name: annotation for name, annotation in found.items() if annotation is not None}


def test_public_functions_say_shapes():
    lacking = {f"{each.module}.{each.name}": each.arrays(with_shape=False) for each in definitions() if each.is_public}
    assert not {name: names for name, names in lacking.items() if names}


def test_all_shapes_are_executed():
    """None is left out since a name beside it is imported for type checkers only."""
    said = [each for each in definitions() if each.arrays(with_shape=True) and each.is_executed]
    assert len(said) > 150
    left_out = {f"{each.module}.{each.name}": each.arrays(with_shape=True) - each.executed() for each in said}
    assert not {name: names for name, names in left_out.items() if names}


def test_axes_have_the_names_of_the_table():
    """Or those of integers that are given beside them."""
    table = re.findall(r"^((?:\w+, )*\w+)  +\w", array.__doc__, re.MULTILINE)
    listed = {name for names in table for name in names.split(", ")}
    assert {"nframes", "nall", "g2_dim"} <= listed
    unknown = {f"{each.module}.{each.name}": each.axes() - listed - each.annotations.keys() for each in definitions()}
    assert not {name: axes for name, axes in unknown.items() if axes}


def test_types_made_of_arrays_are_imported():
    """They are not for type checkers only."""
    conditional = [
        (module, each)
        for module, tree in sources().items()
        for block in tree.body
        if isinstance(block, ast.If)
        for each in block.body
        if isinstance(each, ast.ImportFrom) and each.module.startswith("deepmd_dp")
    ]
    assert conditional
    for module, each in conditional:
        for alias in each.names:
            value = getattr(importlib.import_module(each.module), alias.name, None)
            assert not executed_shapes.mentions_shape(value), f"{module} imports {alias.name}"
