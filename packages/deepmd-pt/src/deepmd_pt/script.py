# SPDX-License-Identifier: LGPL-3.0-or-later
"""The TorchScript modules that a frozen file is made of."""

# no `from __future__ import annotations`: TorchScript reads the annotations themselves
from typing import Dict, List  # noqa: UP035  TorchScript knows these names only

import torch
from torch import Tensor

from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.interface import Model
from deepmd_dp.kit.signature import Signature
from deepmd_dp.model.evaluate import Derivative, Function, Vectors


class Core(torch.nn.Module):
    """The model's outputs, then the scalars to be derived, as a function of the inputs in the signature's order.

    To be traced; the model's leaves become its buffers.
    """

    def __init__(self, model: Model, signature: Signature) -> None:
        super().__init__()
        self._model = model
        self._signature = signature
        for path, array, _ in leaves(model):
            self.register_buffer(path.replace(".", "/"), torch.from_numpy(array.copy()))

    def forward(self, inputs: List[Tensor]) -> List[Tensor]:  # noqa: UP006
        buffers = {name.replace("/", "."): tensor for name, tensor in self.named_buffers()}
        found: list[Tensor] = []

        def collect(function: Function, edge_vec: Vectors) -> tuple[dict[str, Tensor], list[Vectors]]:
            values, scalars = function(edge_vec)
            found.extend([*values.values(), *scalars])
            return values, [edge_vec for _ in scalars]  # what is made of these is no output of the trace

        _evaluate(self._signature, with_leaves(self._model, buffers), inputs, collect)
        return found


class Terms(torch.nn.Module):
    """All terms by name, made of the inputs, the outputs and the derivatives of one scalar after the other.

    To be traced; without derivatives, the values of frames and atoms.
    """

    def __init__(self, model: Model, signature: Signature, kinds: tuple[str, ...]) -> None:
        super().__init__()
        self._model = model
        self._signature = signature
        self._names = [term.name for term in signature.outputs if term.kind in kinds]

    def forward(self, inputs: List[Tensor], values: List[Tensor], gradients: List[Tensor]) -> Dict[str, Tensor]:  # noqa: UP006
        outputs = dict(zip([output.name for output in self._model.outputs], values, strict=True))

        def give(function: Function, edge_vec: Vectors) -> tuple[dict[str, Tensor], list[Vectors]]:
            n = len(edge_vec)
            return outputs, [tuple(gradients[k : k + n]) for k in range(0, len(gradients), n)]

        terms = _evaluate(self._signature, self._model, inputs, give)
        return {name: terms[name] for name in self._names}


def _evaluate(signature: Signature, model: Model, inputs: List[Tensor], derivative: Derivative) -> Dict[str, Tensor]:  # noqa: UP006
    arrays = {each.name: array for each, array in zip(signature.inputs, inputs, strict=True)}
    return signature.evaluate(model, arrays, derivative)


def is_edge_vector(name: str) -> bool:
    """Whether an input holds displacements."""
    return name.endswith("_edge_vec")


def edge_vectors(signature: Signature, inputs: list[Tensor]) -> list[Tensor]:
    """The displacements among the inputs."""
    return [array for each, array in zip(signature.inputs, inputs, strict=True) if is_edge_vector(each.name)]


class FrozenModel(torch.nn.Module):
    """A frozen model: its forward takes arrays by name and gives terms by name; every size is open.

    Parameters of `forward`
    -----------------------
    inputs : dict of tensors
        Those of `deepmd_dp.kit.signature.Signature.inputs`, which the metadata list with their axes and types; others
        are passed over. ``fparam`` may be left out where the model has a default.
    atomic : bool
        With the virials of the atoms.
    derivatives : bool
        With forces and virials.

    It gives the terms that the metadata list as outputs.
    """

    names: List[str]  # noqa: UP006
    is_edge: List[bool]  # noqa: UP006
    widths: Dict[str, int]  # noqa: UP006

    def __init__(
        self,
        signature: Signature,
        metadata: str,
        noutputs: int,
        core: torch.nn.Module,
        values: torch.nn.Module,
        terms: torch.nn.Module,
        atomic_terms: torch.nn.Module,
    ) -> None:
        super().__init__()
        self.core = core
        self.values = values
        self.terms = terms
        self.atomic_terms = atomic_terms
        self.metadata = metadata
        self.noutputs = noutputs
        self.names = [each.name for each in signature.inputs]
        self.is_edge = [is_edge_vector(each.name) for each in signature.inputs]
        self.widths = {each.name: int(each.axes[-1]) for each in signature.inputs if each.name in ("fparam", "aparam")}
        default = [] if signature.default_fparam is None else [signature.default_fparam]
        self.register_buffer("default_fparam", torch.tensor(default, dtype=torch.float64))

    def forward(self, inputs: Dict[str, Tensor], atomic: bool = False, derivatives: bool = True) -> Dict[str, Tensor]:  # noqa: UP006
        arrays = self.collect(inputs)
        edge_vec: List[Tensor] = []  # noqa: UP006
        traced: List[Tensor] = []  # noqa: UP006
        for array, is_edge in zip(arrays, self.is_edge):  # noqa: B905  TorchScript's zip
            if is_edge:
                array = array.detach().requires_grad_(derivatives)
                edge_vec.append(array)
            traced.append(array)
        found = self.core(traced)
        values = [each.detach() for each in found[: self.noutputs]]
        gradients = self.differentiate(found[self.noutputs :], edge_vec) if derivatives else edge_vec
        with torch.no_grad():
            if not derivatives:
                terms = self.values(arrays, values, gradients)
            elif atomic:
                terms = self.atomic_terms(arrays, values, gradients)
            else:
                terms = self.terms(arrays, values, gradients)
        # TorchScript's optimiser makes the results require gradients all the same
        return {name: term.detach() for name, term in terms.items()}

    def collect(self, inputs: Dict[str, Tensor]) -> List[Tensor]:  # noqa: UP006
        """The inputs in the signature's order."""
        arrays: List[Tensor] = []  # noqa: UP006
        for name in self.names:
            if name in inputs:
                arrays.append(inputs[name].detach())
            elif name == "fparam" and self.default_fparam.numel() > 0:
                arrays.append(self.default_fparam.expand(inputs["atype"].shape[0], -1))
            elif name in self.widths:
                raise ValueError("the model needs " + name + " of " + str(self.widths[name]) + " numbers; give it.")
            else:
                raise ValueError("the model needs the input " + name + ", see its metadata.")
        return arrays

    def differentiate(self, scalars: List[Tensor], edge_vec: List[Tensor]) -> List[Tensor]:  # noqa: UP006
        """Derivatives of one scalar after the other, zeros where it depends on none."""
        gradients: List[Tensor] = []  # noqa: UP006
        for k in range(len(scalars)):
            keep = k + 1 < len(scalars)
            found = torch.autograd.grad([scalars[k]], edge_vec, retain_graph=keep, allow_unused=True)
            for gradient, vec in zip(found, edge_vec):  # noqa: B905
                gradients.append(torch.zeros_like(vec) if gradient is None else gradient)
        return gradients

    @torch.jit.export
    def get_metadata(self) -> str:
        """The record of `deepmd_dp.kit.metadata`, as JSON."""
        return self.metadata
