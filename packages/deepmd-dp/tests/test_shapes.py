# SPDX-License-Identifier: LGPL-3.0-or-later
"""Shapes stand in the annotations of all functions that take or give arrays, and the tests execute them."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import executed_shapes
import numpy as np
import pytest
from beartype.roar import BeartypeDoorHintViolation

import deepmd_dp
from deepmd_dp.descriptor.moments import RowMoments
from deepmd_dp.dialect import operation, ops
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.environment import Environment, NeighborBlock, assemble
from deepmd_dp.loss.reduction import projections
from deepmd_dp.nn.network import Layer

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


def definitions() -> Iterator[tuple[str, str, ast.FunctionDef]]:
    """Module and qualified name of each function and method, those inside functions aside."""
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(["deepmd_dp", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
        waiting = [("", each) for each in ast.parse(path.read_text(encoding="utf-8")).body]
        for prefix, node in waiting:
            if isinstance(node, ast.ClassDef):
                waiting += [(f"{prefix}{node.name}.", each) for each in node.body]
            elif isinstance(node, ast.FunctionDef):
                yield module, prefix + node.name, node


def annotations(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Those of the arguments and of the result."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    found = {each.arg: each.annotation for each in arguments} | {"return": function.returns}
    return {name: annotation for name, annotation in found.items() if annotation is not None}


def has_bare_array(node: ast.AST) -> bool:
    """Whether an annotation names an array without a shape, other than by name in a mapping or in a callable's."""
    if isinstance(node, ast.Subscript):
        if ast.unparse(node.value) in (*executed_shapes.KINDS, "Callable", "dict", "Mapping"):
            return False
    elif isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node) in ("Array", "np.ndarray")
    return any(map(has_bare_array, ast.iter_child_nodes(node)))


def test_public_functions_say_shapes():
    """`like` aside, which lends its library and type."""
    lacking = [
        f"{module}.{name}, {argument}"
        for module, name, node in definitions()
        if module not in ANY_SHAPE and (not node.name.startswith("_") or node.name == "__call__")
        for argument, annotation in annotations(node).items()
        if argument != "like" and has_bare_array(annotation)
    ]
    assert not lacking


def test_all_shapes_are_executed():
    """None is left out since a name in it is imported for type checkers only.

    Functions that autograd derives hide theirs; as overrides of operations they are checked by these.
    """
    said: dict[str, set[str]] = {}
    for module, name, node in definitions():
        cls = getattr(importlib.import_module(module), name.partition(".")[0], None)
        is_primitive = any(ast.unparse(each) == "primitive" for each in node.decorator_list)
        if module.endswith("dialect.array") or is_primitive or getattr(cls, "_is_protocol", False):
            continue
        named = {key: ast.unparse(annotation) for key, annotation in annotations(node).items()}
        with_shape = {key for key, text in named.items() if any(f"{kind}[" in text for kind in executed_shapes.KINDS)}
        if with_shape:
            said[f"{module}.{name}"] = with_shape
    assert len(said) > 150
    missing = {name: names - executed_shapes.checked.get(name, {}).keys() for name, names in said.items()}
    assert not {name: names for name, names in missing.items() if names}
