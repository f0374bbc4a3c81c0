# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the graph in a frozen file takes and gives: arrays by name, the same in the files of all backends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import InputError
from deepmd.outputs import TermDef, all_terms
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.array_api import shape
from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.environment.builder import build_environment
from deepmd_dp.model.evaluate import Derivative, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model

Axes = tuple[str | int, ...]


@dataclass(frozen=True)
class InputDef:
    """An array that a graph takes.

    Attributes
    ----------
    name : str
        The path of a leaf of `Environment` with ``_`` for ``.``, such as ``lists_0_1_edge_vec``; or
        ``fparam``, ``aparam``.
    axes : tuple
        Sizes: numbers, or names of open ones.
    dtype : str
        ``float64`` or ``int64``.
    unit : str
    """

    name: str
    axes: Axes
    dtype: str
    unit: str = ""


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a model's graph.

    All sizes by name are open. The inputs are the leaves of `Environment` that the model uses, with ``mapping``, whose
    size says how many atoms the lists refer to, in any case; a model that passes messages takes ``owned`` too.

    Attributes
    ----------
    inputs : tuple of InputDef
    outputs : tuple of TermDef
    template : Environment
        One atom alone, in NumPy: the structure that inputs are put into.
    default_fparam : tuple of float or None
    """

    inputs: tuple[InputDef, ...]
    outputs: tuple[TermDef, ...]
    template: Environment
    default_fparam: tuple[float, ...] | None

    @classmethod
    def of(cls, model: Model) -> Signature:
        """That of a model."""
        template = with_file_inputs(_one_atom(model), model)
        inputs = [_input_of(leaf.path, np.asarray(leaf.array), template) for leaf in leaves(template)]
        if model.dim_fparam:
            inputs.append(InputDef("fparam", ("nframes", model.dim_fparam), "float64"))
        if model.dim_aparam:
            inputs.append(InputDef("aparam", ("nframes", "nloc", model.dim_aparam), "float64"))
        return cls(tuple(inputs), all_terms(model.outputs), template, model.default_fparam)

    def pack(self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None) -> dict[str, Array]:
        """The inputs by name, of an environment that has what a file takes (`with_file_inputs`).

        Raises
        ------
        InputError
            Frame or atomic parameters are missing.
        """
        arrays = {input_name(leaf.path): leaf.array for leaf in leaves(env)}
        given = {"fparam": self._fparam(fparam, shape(env.atype)[0]), "aparam": aparam}
        for each in self.inputs:
            if each.name in given:
                value = given[each.name]
                if value is None:
                    raise InputError(f"the model needs {each.name} of {each.axes[-1]} numbers; give it.")
                arrays[each.name] = value
        return {each.name: arrays[each.name] for each in self.inputs}

    def _fparam(self, fparam: Array | None, nframes: int) -> Array | None:
        if fparam is not None or self.default_fparam is None:
            return fparam
        return np.tile(np.array(self.default_fparam), (nframes, 1))

    def environment(self, arrays: Mapping[str, Array]) -> Environment:
        """The environment made of inputs by name."""
        return with_leaves(self.template, {leaf.path: arrays[input_name(leaf.path)] for leaf in leaves(self.template)})

    def evaluate(
        self, model: Model, arrays: Mapping[str, Array], derivative: Derivative
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """The graph: all terms of a model by name, to be traced or run."""
        env = self.environment(arrays)
        assert env.mapping is not None, "files take it"
        nall = shape(env.mapping)[1]
        return evaluate(model, env, arrays.get("fparam"), arrays.get("aparam"), derivative, atomic=True, nall=nall)


def input_name(path: str) -> str:
    """Name of the input for a leaf of the environment."""
    return path.replace(".", "_")


def with_file_inputs(env: Environment, model: Model) -> Environment:
    """The environment with what files take in any case: `mapping`, and `owned` where messages are passed."""
    nframes, nloc = env.atype.shape
    if env.mapping is None:
        env = replace(env, mapping=np.tile(np.arange(nloc), (nframes, 1)))
    if model.is_message_passing and env.owned is None:
        env = replace(env, owned=np.ones((nframes, nloc)))
    return env


def _one_atom(model: Model) -> Environment:
    """One atom by itself: what counts is how many arrays there are, and of what kind."""
    return build_environment(model, np.zeros((1, 1, 3)), None, np.zeros((1, 1), dtype=np.int64))


def _input_of(path: str, array: np.ndarray, template: Environment) -> InputDef:
    dtype = "int64" if np.issubdtype(array.dtype, np.integer) else "float64"
    unit = "Å" if path.endswith("edge_vec") else ""
    return InputDef(input_name(path), _axes_of(path, template), dtype, unit)


def _axes_of(path: str, template: Environment) -> Axes:
    field, *rest = path.split(".")
    if field == "lists":
        index, block, name = int(rest[0]), int(rest[1]), rest[2]
        widths = template.specs[index].widths
        width = f"nnei_{index}_{block}" if widths is None else widths[block]
        return ("nframes", "nloc", width, *((3,) if name == "edge_vec" else ()))
    return {
        "atype": ("nframes", "nloc"),
        "owned": ("nframes", "nloc"),
        "mapping": ("nframes", "nall"),
        "empty_type": ("nframes",),
        "charge_spin": ("nframes", 2),
        "restore": ("nframes*nloc",),
        "centers": (f"natoms_{rest[0] if rest else 0}",),
    }[field]
