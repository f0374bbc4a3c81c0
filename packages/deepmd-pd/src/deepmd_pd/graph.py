# SPDX-License-Identifier: LGPL-3.0-or-later
"""The graph that a frozen file holds: energies, forces and virials of displacements, every size open."""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.environment.environment import Environment
from deepmd_dp.model.derivatives import energy_terms, force_terms
from deepmd_pd import arrays, namespace
from deepmd_pd.framework import paddle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paddle import Tensor

OUTPUTS = ("energy", "atom_energy", "force", "virial", "atom_virial", "input_sizes")
_OPERATORS = ("add", "sub", "mul", "truediv", "radd", "rsub", "rmul", "rtruediv")


class FrozenModel(paddle.nn.Layer):
    """A model whose forward takes displacements, lists and types.

    Inputs, in this order, see `deepmd_dp.environment.environment.Environment`: ``edge_vec``, ``nlist`` and ``neighbor_type``
    (an array a block, ``edge_vec_0`` …), ``atype``, ``centers`` (an array a type), ``restore``; then

    mapping : (nframes, nall) integers
        Local atom of which each atom is an image; the first nloc are the local atoms. ``nlist`` refers to these.
    fparam : (nframes, dim_fparam), aparam : (nframes, nloc, dim_aparam)
        Where the model takes them.

    It gives ``energy`` (nframes, 1), ``atom_energy`` (nframes, nloc, 1), ``force`` (nframes, nall, 3), ``virial``
    (nframes, 9), ``atom_virial`` (nframes, nall, 9) [eV, Å]; and ``input_sizes``, the sizes of all inputs one after
    the other, since paddle writes no graph with an input that no output depends on.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        for path, array, _ in leaves(model):
            self.register_buffer(path.replace(".", "/"), arrays.from_numpy(array))

    def forward(self, inputs: list[Tensor]) -> tuple[Tensor, ...]:
        # paddle rewrites these lines, by which buffers become arrays of the graph
        constants = {name: each for name, each in self.named_buffers()}  # noqa: C416
        return self._record(constants, inputs)

    # but not these, nor the models: in their source it does not find all names
    @paddle.jit.not_to_static
    def _record(self, constants: dict[str, Tensor], inputs: list[Tensor]) -> tuple[Tensor, ...]:
        model = with_leaves(self._model, {name.replace("/", "."): each for name, each in constants.items()})
        named = dict(zip((spec.name for spec in input_specs(model)), inputs, strict=True))
        env = _environment(model, named)
        with _exact_numbers():
            energy = model(env, named.get("fparam"), named.get("aparam"))
            gradient = paddle.grad(namespace.sum(energy), list(env.edge_vec))
            nall = namespace.shape(named["mapping"])[1]
            terms = energy_terms(energy) | force_terms(env, tuple(gradient), virial=True, atomic=True, nall=nall)
        sizes = paddle.concat([paddle.shape(each) for each in inputs])
        return *(terms[name] for name in OUTPUTS[:-1]), sizes


def input_specs(model: Any) -> list[paddle.static.InputSpec]:
    """Names, shapes and types of the inputs; an open size is None."""
    blocks = range(1 if model.descriptor.mixed_types else model.ntypes)
    types = range(model.ntypes)
    shapes = {
        **{f"edge_vec_{block}": [None, None, None, 3] for block in blocks},
        **{f"{name}_{block}": [None, None, None] for name in ("nlist", "neighbor_type") for block in blocks},
        "atype": [None, None],
        **{f"centers_{center}": [None] for center in types},
        "restore": [None],
        "mapping": [None, None],
    }
    parameters = {"fparam": [None, model.fitting.numb_fparam], "aparam": [None, None, model.fitting.numb_aparam]}
    shapes |= {name: shape for name, shape in parameters.items() if shape[-1]}
    is_real = {name: name in parameters or name.startswith("edge_vec") for name in shapes}
    return [
        paddle.static.InputSpec(shape, "float64" if is_real[name] else "int64", name=name)
        for name, shape in shapes.items()
    ]


def _environment(model: Any, named: dict[str, Tensor]) -> Environment:
    def numbered(field: str) -> tuple[Tensor, ...]:
        return tuple(each for name, each in named.items() if name.rpartition("_")[0] == field)

    return Environment(
        edge_vec=numbered("edge_vec"),
        nlist=numbered("nlist"),
        neighbor_type=numbered("neighbor_type"),
        atype=named["atype"],
        centers=numbered("centers"),
        restore=named["restore"],
    )


@contextmanager
def _exact_numbers() -> Iterator[None]:
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
