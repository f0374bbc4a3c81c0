# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a package says of one descriptor, fitting, loss or kind of model."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dargs import Argument

    Section = dict[str, Any]
    """A part of the input."""

DESCRIPTOR = "deepmd.descriptor"
FITTING = "deepmd.fitting"
LOSS = "deepmd.loss"
MODEL = "deepmd.model"
NOT_YET = "deepmd-kit has it, this version does not support it yet"
"""The refusal of what an input of deepmd-kit may ask for and nobody has written yet."""


class SelKey(NamedTuple):
    """A key of a section that says how many neighbors a model is made for, so that `auto` can be filled in."""

    path: str
    """Below the section: ``sel``, ``repinit/nsel``."""
    rcut: float
    """The cut-off within which they are counted [Å]."""
    by_type: bool = False
    """Whether there is a number for each type; else one for all together."""
    is_used: bool = True
    """Whether a number that is too small matters."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One descriptor, fitting, loss or kind of model; the group of its entry point says which.

    Attributes
    ----------
    name : str
        Its name in the input, and that of its entry point.
    cls : str or type
        Its class, as ``package.module:Class`` where importing it is to wait until it is used.
    doc : str
        One line for `dp doc-train-input`.
    fields : callable
        ``fields() -> list of Argument``: the keys of its section in the input.
    aliases : tuple of str
        Other names in the input.
    file_names : tuple of str
        Names in the contract's files that the input does not have.
    parts : mapping
        Keys of the section that hold further descriptors, fittings or models (a section or a list of sections) to
        their groups: ``{"list": DESCRIPTOR}``.
    upgrade : callable
        ``upgrade(section)`` rewrites, in place, keys of older inputs; the section is as the user gave it.
    check : callable
        ``check(section, where, type_map)`` raises `InputError` where values of the normalised section contradict each
        other; ``where`` is the section's path, for the message.
    check_new : callable
        ``check_new(section, where)`` raises `InputError` for a section that no new training should have, though models
        made with it are evaluated and go on.
    sel_keys : callable
        ``sel_keys(section) -> iterable of SelKey``.
    biased_outputs : callable
        ``biased_outputs(section) -> tuple of str``: outputs with a constant per type, fitted to the data.
    spin_scales : callable
        ``spin_scales(section) -> mapping``: of a model of spins, the types that have one to the distance of their
        virtual atoms by the spin [Å/μB], by which older data are read.
    label_sets : callable
        ``label_sets(section, model) -> tuple of tuple of str``: of a loss for the model of a section, both normalised,
        the labels of each of its terms; some of the data must have all of one's. Raises `InputError` where the model
        gives something else.
    sees_groups : bool
        Whether its parts see groups of a frame's atoms, so that neighbors in whole frames are more than they have.
    lacks : mapping
        Flags of the backends that can't do it, each with the reason: ``{"jax": "no dynamic shapes"}``.
    refusal : str
        Why it can't be used at all; such a row is there for the message only.
    is_default : bool
        Whether it is meant where the input gives no ``type``.
    is_input : bool
        Whether inputs may name it; else only files do.
    is_of_version0 : bool
        Whether it is the descriptor that inputs of deepmd-kit 0.x mean, which name none.
    """

    name: str
    cls: str | type = ""
    doc: str = ""
    fields: Callable[[], list[Argument]] = list
    aliases: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict)
    upgrade: Callable[[Section], None] | None = None
    check: Callable[[Section, str, list[str]], None] | None = None
    check_new: Callable[[Section, str], None] | None = None
    sel_keys: Callable[[Section], Iterable[SelKey]] = lambda section: ()
    biased_outputs: Callable[[Section], tuple[str, ...]] = lambda section: ()
    spin_scales: Callable[[Section], Mapping[str, float]] = lambda section: {}
    label_sets: Callable[[Section, Section], tuple[tuple[str, ...], ...]] = lambda section, model: ()
    sees_groups: bool = False
    lacks: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    is_default: bool = False
    is_input: bool = True
    is_of_version0: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All its names, each once."""
        return tuple(dict.fromkeys((self.name, *self.aliases, *self.file_names)))

    def load_class(self) -> type:
        """Its class, imported."""
        if isinstance(self.cls, type):
            return self.cls
        module, _, name = self.cls.partition(":")
        found: type = getattr(import_module(module), name)
        return found


def not_there(name: str, *aliases: str, refusal: str = NOT_YET) -> Row:
    """A row that only says why something can't be used."""
    return Row(name=name, aliases=aliases, refusal=refusal)
