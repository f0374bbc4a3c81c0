# SPDX-License-Identifier: LGPL-3.0-or-later
"""The standard model: a descriptor and a fitting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from deepmd.contract import check_class
from deepmd.errors import InputError, ModelFileError
from deepmd.outputs import OutputDef
from deepmd_dp.descriptor import deserialize_descriptor, new_descriptor
from deepmd_dp.descriptor.attention import NeighborGatedAttention
from deepmd_dp.descriptor.se_a_mask import SeAMask
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters
from deepmd_dp.dialect.array_api import array_namespace
from deepmd_dp.dialect.module import leaves, module, modules, static
from deepmd_dp.environment.environment import Environment, ListSpec
from deepmd_dp.environment.environment_matrix import EnvironmentMatrix
from deepmd_dp.environment.expansion import FrameExpansion
from deepmd_dp.environment.virtual_atoms import VirtualAtoms
from deepmd_dp.fitting import deserialize_fitting, fitting_class
from deepmd_dp.fitting.nets import NetsFitting
from deepmd_dp.interface import Descriptor, Fitting
from deepmd_dp.model.base import BaseModel, new_base, read_base
from deepmd_dp.model.spin import expand_section

SPIN_TYPE = "spin_ener"
"""The contract's name of a model of spins."""


@module
class StandardModel(BaseModel):
    """A descriptor and a fitting, and a constant of each type where the output has one.

    Attributes
    ----------
    virtual_atoms
        What the frames have beside the atoms; their types are the second half of all. None: nothing.
    """

    descriptor: Descriptor
    fitting: Fitting
    virtual_atoms: VirtualAtoms | None = static(default=None)

    @property
    def expansion(self) -> FrameExpansion | None:
        """`virtual_atoms`."""
        return self.virtual_atoms

    @property
    def takes_mask(self) -> bool:
        """Whether the atomic parameter is a mask, and the descriptor looks at it."""
        is_mask = isinstance(self.fitting, NetsFitting) and self.fitting.nets.use_aparam_as_mask
        return is_mask and any(True for _ in modules(self.descriptor, SeAMask))

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What the fitting gives."""
        return self.fitting.outputs

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """The lists of the descriptor, no two the same, each with the `sel` of its blocks."""
        return self.descriptor.capacities

    def bytes_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Memory that is held for an atom with so many neighbors in each list."""
        itemsize = max((leaf.array.dtype.itemsize for leaf in leaves(self.descriptor)), default=8)
        return itemsize * self.descriptor.numbers_per_atom(nnei)

    @property
    def uses_type_index(self) -> bool:
        """Whether it looks at `Environment.centers`."""
        return self.descriptor.uses_type_index or self.fitting.uses_type_index

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """For each time that features go from atom to atom, the list along which they do."""
        return self.descriptor.messages

    @property
    def dim_fparam(self) -> int:
        """Number of frame parameters."""
        return self.fitting.numb_fparam

    @property
    def dim_aparam(self) -> int:
        """Number of parameters of an atom."""
        return self.fitting.numb_aparam

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given."""
        return self.fitting.default_fparam

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """Of an output's name: the bias of each type, None where it is fitted to the data."""
        return self.fitting.assigned_bias

    def __call__(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> dict[str, Float[Array, "nframes nloc _"]]:
        """The outputs by name, in double precision, each with its number of components; 0 for atoms without it."""
        outputs = self.fitting(self.descriptor(self._masked(env, aparam)), env, fparam, aparam)
        return {each.name: self._finish(each, k, outputs[each.name], env) for k, each in enumerate(self.outputs)}

    def _masked(self, env: Environment, aparam: AtomParameters) -> Environment:
        """The surroundings with the mask that the atomic parameters are, where they are one."""
        if aparam is None or not isinstance(self.fitting, NetsFitting) or not self.fitting.nets.use_aparam_as_mask:
            return env
        return replace(env, kept=aparam[..., 0])

    def _finish(self, output: OutputDef, index: int, values: Array, env: Environment) -> Array:
        """The values in double precision, with the bias, 0 where an atom has none."""
        xp = array_namespace(values)
        values = xp.astype(values, self.out_bias.dtype)
        if output.has_bias:
            bias, deviation = (x[index, :, : output.ncomponents] for x in (self.out_bias, self.out_std))
            shift, factor = self.fitting.shift_and_factor(bias, deviation)
            values = (values if factor is None else values * env.of_centers(factor)) + env.of_centers(shift)
        return values * self.mask(env, like=values, only=output.selected_types)

    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        """The descriptor of the local atoms."""
        return self.descriptor(env).invariant

    def features(
        self, env: Environment, fparam: FrameParameters = None, aparam: AtomParameters = None
    ) -> Float[Array, "nframes nloc width"]:
        """What the last layer of the fitting's nets takes, of the local atoms.

        Raises
        ------
        InputError
            The fitting has no such nets.
        """
        if not isinstance(self.fitting, NetsFitting):
            raise InputError(f"a fitting {type(self.fitting).__name__} has no last layer.")
        description = self.descriptor(self._masked(env, aparam))
        return self.fitting.nets.without_last_layer()(description.invariant, env, fparam, aparam)

    def serialize(self) -> dict[str, Any]:
        """The contract's tree: that of the model, or where it has virtual atoms both."""
        tree = self._serialize()
        if self.virtual_atoms is None:
            return tree
        return {"type": SPIN_TYPE, "backbone_model": tree, "spin": self.virtual_atoms.serialize()}

    def _serialize(self) -> dict[str, Any]:
        """That of a model of frames as it sees them."""
        return {
            "@class": "Model",
            "type": "standard",
            "@version": 2,
            **self.serialize_base(self._without_outputs()),
            "descriptor": self.descriptor.serialize(),
            "fitting": self.fitting.serialize(),
        }

    def _without_outputs(self) -> list[int]:
        """Types whose atoms have no output; deepmd-kit's PyTorch looks here, and not into the fitting."""
        selected = [range(self.ntypes) if each.selected_types is None else each.selected_types for each in self.outputs]
        has_output = {t for types in selected for t in types} - set(self.atom_exclude_types)
        return [t for t in range(self.ntypes) if t not in has_output]

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> StandardModel:
        """The model of the contract's tree."""
        if data.get("type") == SPIN_TYPE:
            virtual_atoms = VirtualAtoms.deserialize(data["spin"])
            model = cls.deserialize(data["backbone_model"])
            if model.ntypes != 2 * virtual_atoms.ntypes:
                raise ModelFileError(f"the model has {model.ntypes} types, spin {virtual_atoms.ntypes}: damaged.")
            return replace(model, virtual_atoms=_that_may_be_zero(virtual_atoms, model.descriptor))
        check_class(data, "Model", 2, 2)
        fitting = deserialize_fitting(data["fitting"])
        base = read_base(data, fitting.outputs)
        return cls(descriptor=deserialize_descriptor(data["descriptor"]), fitting=fitting, **base)

    @classmethod
    def from_input(cls, section: dict[str, Any], rng: np.random.Generator) -> StandardModel:
        """A new model of the input's section ``model``, random weights, neutral statistics."""
        section, virtual_atoms = expand_section(section)
        type_map = section["type_map"]
        excluded = tuple(section["atom_exclude_types"])
        descriptor = new_descriptor(section["descriptor"], type_map, _generator(section["descriptor"], rng))
        net = section["fitting_net"]
        fitting = fitting_class(net["type"]).from_input(net, type_map, descriptor, excluded, _generator(net, rng))
        base = new_base(section, fitting.outputs, net.get("rcond"))
        if virtual_atoms is not None:
            virtual_atoms = _that_may_be_zero(virtual_atoms, descriptor)
        return cls(descriptor=descriptor, fitting=fitting, virtual_atoms=virtual_atoms, **base)


def _that_may_be_zero(virtual_atoms: VirtualAtoms, descriptor: Descriptor) -> VirtualAtoms:
    """The virtual atoms that may stand on their atoms if the descriptor protects all distances that it divides by.

    The cosines of attention layers are of unit vectors, which have no derivative at 0.
    """
    is_protected = all(matrix.env_protection > 0.0 for _, matrix in modules(descriptor, EnvironmentMatrix))
    has_cosines = any(each.layers and each.dotr for _, each in modules(descriptor, NeighborGatedAttention))
    return replace(virtual_atoms, takes_zero=is_protected and not has_cosines)


def _generator(section: dict[str, Any], rng: np.random.Generator) -> np.random.Generator:
    """The section's own generator where it has a seed, so that equal sections start equal in every backend."""
    seed = section.get("seed")
    return rng if seed is None else np.random.default_rng(seed)
