# SPDX-License-Identifier: LGPL-3.0-or-later
"""The TorchScript modules that a frozen file is made of."""

# no `from __future__ import annotations`: TorchScript reads the annotations themselves
from typing import Any, Dict, List, Optional  # noqa: UP035  TorchScript knows these names only

import torch
from torch import Tensor

from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.environment.environment import Environment
from deepmd_dp.model.derivatives import force_terms


def environment_tensors(env: Environment) -> tuple[Any, ...]:
    """The fields of an environment as a frozen file takes them, lists for the blocks."""
    return (
        list(env.edge_vec),
        list(env.nlist),
        list(env.neighbor_type),
        env.atype,
        list(env.centers),
        env.restore,
    )


def _environment(edge_vec, nlist, neighbor_type, atype, centers, restore) -> Environment:  # noqa: ANN001
    return Environment(
        edge_vec=tuple(edge_vec),
        nlist=tuple(nlist),
        neighbor_type=tuple(neighbor_type),
        atype=atype,
        centers=tuple(centers),
        restore=restore,
    )


class TracedEnergy(torch.nn.Module):
    """The atomic energies as a function of tensors, to be traced; the model's leaves become its buffers."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        for path, array, _ in leaves(model):
            self.register_buffer(path.replace(".", "/"), torch.from_numpy(array.copy()))

    def forward(self, edge_vec, nlist, neighbor_type, atype, centers, restore, fparam, aparam) -> Tensor:  # noqa: ANN001
        buffers = {name.replace("/", "."): tensor for name, tensor in self.named_buffers()}
        model = with_leaves(self._model, buffers)
        return model(_environment(edge_vec, nlist, neighbor_type, atype, centers, restore), fparam, aparam)


class TracedForces(torch.nn.Module):
    """Forces and virials of the derivative by the displacements, to be traced."""

    def __init__(self, atomic: bool) -> None:
        super().__init__()
        self._atomic = atomic

    def forward(self, gradient, edge_vec, nlist, neighbor_type, atype, centers, restore, mapping):  # noqa: ANN001, ANN201
        env = _environment(edge_vec, nlist, neighbor_type, atype, centers, restore)
        terms = force_terms(env, tuple(gradient), virial=True, atomic=self._atomic, nall=mapping.shape[1])
        return tuple(terms.values())


class FrozenModel(torch.nn.Module):
    """A frozen model: its forward takes displacements, lists and types; every size is open.

    Parameters of `forward`, see `deepmd_dp.environment.environment.Environment`: ``edge_vec``, ``nlist``,
    ``neighbor_type`` (one tensor a block), ``atype``, ``centers``, ``restore``; then

    mapping : (nframes, nall) integers
        Local atom of which each atom is an image; the first nloc are the local atoms. ``nlist`` refers to these.
    fparam : (nframes, dim_fparam) or None
    aparam : (nframes, nloc, dim_aparam) or None
    atomic : bool
        Whether atomic virials are wanted.

    It gives ``energy`` (nframes, 1), ``atom_energy`` (nframes, nloc, 1), ``force`` (nframes, nall, 3),
    ``virial`` (nframes, 9), and where atomic ``atom_virial`` (nframes, nall, 9) [eV, Å].
    """

    rcut: float
    type_map: List[str]  # noqa: UP006
    is_by_type: bool
    list_widths: List[int]  # noqa: UP006

    def __init__(self, model: Any, energy: Any, forces: Any, atomic_forces: Any) -> None:
        super().__init__()
        self.energy = energy
        self.forces = forces
        self.atomic_forces = atomic_forces
        self.rcut = float(model.rcut)
        self.type_map = list(model.type_map)
        self.is_by_type = not model.descriptor.mixed_types
        self.list_widths = torch.jit.annotate(List[int], list(model.list_widths or ()))  # noqa: UP006
        self.dim_fparam = int(model.fitting.numb_fparam)
        self.dim_aparam = int(model.fitting.numb_aparam)
        default = model.fitting.default_fparam or (0.0,) * self.dim_fparam
        self.register_buffer("default_fparam", torch.tensor([default], dtype=torch.float64))

    def forward(
        self,
        edge_vec: List[Tensor],  # noqa: UP006
        nlist: List[Tensor],  # noqa: UP006
        neighbor_type: List[Tensor],  # noqa: UP006
        atype: Tensor,
        centers: List[Tensor],  # noqa: UP006
        restore: Tensor,
        mapping: Tensor,
        fparam: Optional[Tensor] = None,  # noqa: UP045
        aparam: Optional[Tensor] = None,  # noqa: UP045
        atomic: bool = False,
    ) -> Dict[str, Tensor]:  # noqa: UP006
        if fparam is None:
            fparam = self.default_fparam.expand(atype.shape[0], -1)
        if aparam is None:
            aparam = torch.zeros([atype.shape[0], atype.shape[1], 0], dtype=torch.float64, device=atype.device)
        edge_vec = [vec.detach().requires_grad_(True) for vec in edge_vec]
        atom_energy = self.energy(edge_vec, nlist, neighbor_type, atype, centers, restore, fparam, aparam)
        gradient: List[Tensor] = []  # noqa: UP006
        for each in torch.autograd.grad([atom_energy.sum()], edge_vec):
            assert each is not None
            gradient.append(each)
        result = {"energy": atom_energy.detach().sum(1), "atom_energy": atom_energy.detach()}
        if atomic:
            force, virial, atom_virial = self.atomic_forces(
                gradient, edge_vec, nlist, neighbor_type, atype, centers, restore, mapping
            )
            result["atom_virial"] = atom_virial.detach()
        else:
            force, virial = self.forces(gradient, edge_vec, nlist, neighbor_type, atype, centers, restore, mapping)
        result["force"] = force.detach()
        result["virial"] = virial.detach()
        return result

    @torch.jit.export
    def get_rcut(self) -> float:
        return self.rcut

    @torch.jit.export
    def get_type_map(self) -> List[str]:  # noqa: UP006
        return self.type_map

    @torch.jit.export
    def get_is_by_type(self) -> bool:
        return self.is_by_type

    @torch.jit.export
    def get_list_widths(self) -> List[int]:  # noqa: UP006
        return self.list_widths

    @torch.jit.export
    def get_dim_fparam(self) -> int:
        return self.dim_fparam

    @torch.jit.export
    def get_dim_aparam(self) -> int:
        return self.dim_aparam
