# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is asked of a model and of its parts: nobody looks further into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from deepmd.outputs import OutputDef
    from deepmd_dp.environment.environment import Environment, ListSpec
    from deepmd_dp.environment.exclusion import Pairs
    from deepmd_dp.environment.expansion import FrameExpansion

Tree = dict[str, "object"]
"""The contract's form of a module."""
Section = dict[str, Any]
"""A section of the input, or a tree as it is read: what JSON can hold, and arrays."""


class Description(NamedTuple):
    """What a descriptor says of the local atoms.

    Attributes
    ----------
    invariant
        Does not change when the atoms are rotated.
    vectors
        Those of `equivariant`, or what computes them: fittings of energies do without.
    """

    invariant: Float[Array, "nframes nloc dim"]
    vectors: Float[Array, "nframes nloc nvectors 3"] | Callable[[], Array] | None = None

    @property
    def equivariant(self) -> Float[Array, "nframes nloc nvectors 3"] | None:
        """Vectors that rotate with the atoms; None: there are none."""
        return self.vectors() if callable(self.vectors) else self.vectors


class Descriptor(Protocol):
    """From the surroundings of atoms to numbers that describe them."""

    @property
    def dim_out(self) -> int:
        """Width of the invariant part."""
        ...

    @property
    def dim_equivariant(self) -> int:
        """Number of vectors in the equivariant part; 0: it has none."""
        ...

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """Neighbor lists that it looks at, and the neighbors that each block was made for, the contract's `sel`."""
        ...

    @property
    def mixed_types(self) -> bool:
        """Whether the type is in the description, so that one fitting net serves all types."""
        ...

    @property
    def uses_type_index(self) -> bool:
        """Whether it looks at `Environment.centers`."""
        ...

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """For each time that features go from atom to atom, the list along which they do; (): they never do."""
        ...

    def numbers_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Numbers that are held for an atom with so many neighbors, until the derivative has been taken.

        Roughly: the widths of what is computed for each neighbor, and for each pair of them. Frames are cut into parts
        by it, and those that cannot be cut refused where they don't fit into the memory.
        """
        ...

    def __call__(self, env: Environment) -> Description: ...

    def serialize(self) -> Tree:
        """The contract's tree."""
        ...


@runtime_checkable
class SharesList(Protocol):
    """A descriptor whose numbers depend on how far its list goes: beside one that sees further it has that one's."""

    def with_list_rcut(self, rcut: float) -> Descriptor:
        """The same with a list up to `rcut` [Å], its own cut-off as before."""
        ...


class Fitting(Protocol):
    """From the description of atoms to their outputs."""

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What it gives."""
        ...

    @property
    def numb_fparam(self) -> int:
        """Number of frame parameters."""
        ...

    @property
    def numb_aparam(self) -> int:
        """Number of parameters of an atom."""
        ...

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given."""
        ...

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """Of an output's name: the bias of each type, None where it is fitted to the data."""
        ...

    @property
    def uses_type_index(self) -> bool:
        """Whether it looks at `Environment.centers`."""
        ...

    def shift_and_factor(
        self, bias: Float[Array, "ntypes ncomponents"], deviation: Float[Array, "ntypes ncomponents"]
    ) -> tuple[Float[Array, "ntypes ncomponents"], Float[Array, "ntypes ncomponents"] | None]:
        """What is added to an output of each type's atoms, and what it is multiplied by before; None: by nothing.

        Parameters
        ----------
        bias, deviation
            Of the output in the data: by types, and what the biases leave.
        """
        ...

    def __call__(
        self, description: Description, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> dict[str, Float[Array, "nframes nloc _"]]:
        """The outputs by name, each with its number of components."""
        ...

    def serialize(self) -> Tree:
        """The contract's tree."""
        ...


class Model(Protocol):
    """From the surroundings of atoms to their outputs."""

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What it gives."""
        ...

    @property
    def type_map(self) -> tuple[str, ...]:
        """Names of the types."""
        ...

    @property
    def ntypes(self) -> int:
        """Number of types."""
        ...

    @property
    def rcut(self) -> float:
        """Largest cut-off radius [Å]."""
        ...

    @property
    def lists(self) -> tuple[ListSpec, ...]:
        """Neighbor lists that it looks at, no two the same."""
        ...

    @property
    def capacities(self) -> dict[ListSpec, tuple[int, ...]]:
        """These lists, of each the neighbors that its blocks were made for: the contract's `sel`."""
        ...

    def bytes_per_atom(self, nnei: Mapping[ListSpec, int]) -> int:
        """Memory that is held for an atom with so many neighbors, see `Descriptor.numbers_per_atom`."""
        ...

    @property
    def pair_exclude_types(self) -> Pairs:
        """Pairs of types that are not in the lists."""
        ...

    @property
    def atom_exclude_types(self) -> tuple[int, ...]:
        """Types without an output."""
        ...

    @property
    def uses_type_index(self) -> bool:
        """Whether it looks at `Environment.centers`."""
        ...

    @property
    def messages(self) -> tuple[ListSpec, ...]:
        """For each time that features go from atom to atom, the list along which they do."""
        ...

    @property
    def takes_mask(self) -> bool:
        """Whether its one atomic parameter says which atoms are there."""
        ...

    @property
    def biased_part(self) -> str:
        """Where the model is that takes the bias found in the data: "" for the whole, ``models.0.``."""
        ...

    @property
    def is_message_passing(self) -> bool:
        """Whether there are any messages."""
        ...

    @property
    def expansion(self) -> FrameExpansion | None:
        """What puts further atoms into its frames; None: it takes frames as they are."""
        ...

    @property
    def dim_fparam(self) -> int:
        """Number of frame parameters."""
        ...

    @property
    def dim_aparam(self) -> int:
        """Number of parameters of an atom."""
        ...

    @property
    def default_fparam(self) -> tuple[float, ...] | None:
        """Frame parameters where none are given."""
        ...

    @property
    def rcond(self) -> float | None:
        """Relative size below which singular values are dropped where biases are fitted to data."""
        ...

    @property
    def assigned_bias(self) -> Mapping[str, tuple[float | None, ...]]:
        """Of an output's name: the bias of each type, None where it is fitted to the data."""
        ...

    def __call__(
        self, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> dict[str, Float[Array, "nframes nloc _"]]:
        """The outputs of the local atoms by name, in double precision, each with its number of components.

        0 where an atom has none.
        """
        ...

    def mask(
        self, env: Environment, like: Array, only: tuple[int, ...] | None = None
    ) -> Float[Array, "nframes nloc 1"]:
        """1 for atoms that have outputs; where types are given, for atoms of these only."""
        ...

    def deviation(self, env: Environment, like: Array) -> Float[Array, "nframes ncomponents"]:
        """What the biases of the types leave of the first output in the data, in its unit; the same for all frames."""
        ...

    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        """The descriptor of the local atoms."""
        ...

    def features(
        self, env: Environment, fparam: FrameParameters, aparam: AtomParameters
    ) -> Float[Array, "nframes nloc width"]:
        """What the last layer of the fitting's nets takes, of the local atoms; InputError where there is none."""
        ...

    def serialize(self) -> Tree:
        """The contract's tree."""
        ...


class DescriptorClass(Protocol):
    """The class in a descriptor's row: how one is made."""

    def deserialize(self, data: Section) -> Descriptor:
        """That of the contract's tree."""
        ...

    def from_input(self, section: Section, type_map: list[str], rng: np.random.Generator) -> Descriptor:
        """A new one of the input's section, random weights, neutral statistics."""
        ...


class FittingClass(Protocol):
    """The class in a fitting's row: how one is made."""

    def deserialize(self, data: Section) -> Fitting:
        """That of the contract's tree."""
        ...

    def from_input(
        self,
        section: Section,
        type_map: list[str],
        descriptor: Descriptor,
        exclude_types: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Fitting:
        """A new one of the input's section, random weights, neutral statistics."""
        ...


class ModelClass(Protocol):
    """The class in the row of a kind of model: how one is made."""

    def deserialize(self, data: Section) -> Model:
        """That of the contract's tree."""
        ...

    def from_input(self, section: Section, rng: np.random.Generator) -> Model:
        """A new one of the input's section, random weights, neutral statistics."""
        ...
