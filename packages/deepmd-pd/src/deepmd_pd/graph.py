# SPDX-License-Identifier: LGPL-3.0-or-later
"""The graph that a frozen file holds: all terms of a model's outputs, every size open."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.kit.signature import Signature
from deepmd_pd import arrays
from deepmd_pd.derivative import derivative
from deepmd_pd.framework import paddle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from paddle import Tensor

    from deepmd_dp.interface import Model

_OPERATORS = ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv")


class FrozenModel(paddle.nn.Layer):
    """A model whose forward takes the inputs of its `Signature` and gives the outputs, both in this order.

    One output more follows, the sizes of all inputs one after the other: paddle writes no graph with an input that
    no output depends on.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model
        self.signature = Signature.of(model)
        for path, array, _ in leaves(model):
            self.register_buffer(path.replace(".", "/"), arrays.from_numpy(array))

    def forward(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        # paddle rewrites these lines, by which buffers become arrays of the graph
        constants = {name: each for name, each in self.named_buffers()}  # noqa: C416
        return self._record(constants, inputs)

    # but not these, nor the models: in their source it does not find all names
    @paddle.jit.not_to_static
    def _record(self, constants: dict[str, Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
        for each in (*constants.values(), *inputs):
            each.stop_gradient = True  # unlike paddle has it here; `derivative` says what is a variable
        model = with_leaves(self._model, {name.replace("/", "."): each for name, each in constants.items()})
        given = dict(zip((each.name for each in self.signature.inputs), inputs, strict=True))
        with exact_numbers():
            terms = self.signature.evaluate(model, given, derivative)
        sizes = paddle.concat([paddle.shape(each) for each in inputs])
        return *(terms[each.name] for each in self.signature.outputs), sizes


def record(model: FrozenModel, program: Path) -> str:
    """The text of a model's program, which is written to this file, with its constants beside."""
    # an open size is None
    specs = [
        paddle.static.InputSpec([size if isinstance(size, int) else None for size in each.axes], each.dtype, each.name)
        for each in model.signature.inputs
    ]
    paddle.jit.to_static(model, full_graph=True, input_spec=[specs])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # paddle's, of its own use of what a graph does not have
        paddle.jit.save(model, str(program.with_suffix("")))
    model.forward.rollback()  # the next one is recorded anew
    return program.read_text(encoding="utf-8").rstrip()


@contextmanager
def exact_numbers() -> Iterator[None]:
    """Numbers in arithmetic with an array are written into the graph in the array's precision.

    paddle (3.3) writes them as float32: an error of 1e-8. To be removed when x * 0.1 of a float64 x holds 0.1.
    """
    value = paddle.pir.Value
    before = {f"__{name}__": getattr(value, f"__{name}__") for name in _OPERATORS}
    for name, operator in before.items():
        setattr(value, name, _with_exact_number(operator))
    try:
        yield
    finally:
        for name, operator in before.items():
            setattr(value, name, operator)


def _with_exact_number(operator: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(operator)
    def exact(array: Any, other: Any) -> Any:
        if isinstance(other, int | float) and array.dtype in (paddle.float64, paddle.float32):
            other = paddle.full([], other, array.dtype)
        return operator(array, other)

    return exact
