# SPDX-License-Identifier: LGPL-3.0-or-later
"""From the input of a model of spins to that of the model of frames with virtual atoms."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import DESCRIPTOR, walk
from deepmd.schema.semantics import check_one_per_type
from deepmd_dp.environment.virtual_atoms import VirtualAtoms

if TYPE_CHECKING:
    from deepmd_dp.interface import Section


def expand_section(section: Section) -> tuple[Section, VirtualAtoms | None]:
    """The section ``model`` with twice the types and without ``spin``, and what that said; without it all as it was.

    What a list gives for each type, such as ``sel``, is there for the virtual types too; energies that are given have
    none. As deepmd-kit, this leaves ``sel`` of all types together as it is.
    """
    spin = section.get("spin")
    if spin is None:
        return section, None
    virtual_atoms = read_spin(spin, "model/spin", section["type_map"])
    expanded: dict[str, Any] = deepcopy(section)
    del expanded["spin"]
    expanded["type_map"] = [*section["type_map"], *(f"{name}_spin" for name in section["type_map"])]
    unseen = [list(pair) for pair in virtual_atoms.unseen_pairs]
    expanded["pair_exclude_types"] = [*unseen, *section["pair_exclude_types"]]
    excluded = {*virtual_atoms.virtual_types, *section["atom_exclude_types"]}
    expanded["atom_exclude_types"] = sorted(excluded)
    for part in walk(DESCRIPTOR, expanded["descriptor"], "model/descriptor"):
        _expand_descriptor(part, unseen)
    energies = expanded["fitting_net"].get("atom_ener")
    if energies:
        expanded["fitting_net"]["atom_ener"] = with_none(energies, virtual_atoms)
    preset = section.get("preset_out_bias") or {}
    expanded["preset_out_bias"] = {name: with_none(values, virtual_atoms) for name, values in preset.items()} or None
    return expanded, virtual_atoms


def read_spin(spin: Section, where: str, type_map: list[str]) -> VirtualAtoms:
    """What the section ``spin`` says, in any of its forms.

    Raises
    ------
    InputError
        It names a type that is not there, or the scales are not told, or are told twice or for other types.
    """
    use_spin = read_flags(spin["use_spin"], f"{where}/use_spin", type_map)
    given = {name: spin[name] for name in ("virtual_scale", "virtual_len", "spin_norm") if spin.get(name) is not None}
    if set(given) not in ({"virtual_scale"}, {"virtual_len", "spin_norm"}):
        raise InputError(
            f"{where} has {' and '.join(given) or 'no scale'}; give virtual_scale, or both virtual_len and spin_norm."
        )
    if not any(use_spin):
        raise InputError(f"{where}/use_spin is {spin['use_spin']}: no type has spins; leave {where} out.")
    values = {name: _of_types(each, use_spin, f"{where}/{name}") for name, each in given.items()}
    for name, each in values.items():
        if any(value <= 0.0 for value, has_spin in zip(each, use_spin, strict=True) if has_spin):
            raise InputError(f"{where}/{name} is {given[name]}; expected positive numbers.")
    if "virtual_scale" in values:
        return VirtualAtoms(use_spin, values["virtual_scale"])
    lengths, norms = values["virtual_len"], values["spin_norm"]
    pairs = zip(lengths, norms, use_spin, strict=True)
    return VirtualAtoms(use_spin, tuple(length / norm if has_spin else 0.0 for length, norm, has_spin in pairs))


def read_flags(given: list[Any], where: str, type_map: list[str]) -> tuple[bool, ...]:
    """Whether each type has a spin.

    Raises
    ------
    InputError
        A type is not there or named twice, or flags are not one for each.
    """
    if all(isinstance(each, bool) for each in given) and given:
        check_one_per_type(given, where, type_map, "flags")
        return tuple(given)
    names = [type_map[each] if isinstance(each, int) and 0 <= each < len(type_map) else each for each in given]
    unknown = [each for each in names if each not in type_map]
    if unknown or not names:
        said = ", ".join(map(str, unknown)) or "nothing"
        raise InputError(f"{where} names {said}; expected some of type_map, {' '.join(type_map)}, or their numbers.")
    if len(set(names)) < len(names):
        raise InputError(f"{where} is {given}; expected each type once.")
    return tuple(name in names for name in type_map)


def _of_types(given: float | list[float], use_spin: tuple[bool, ...], where: str) -> tuple[float, ...]:
    """A number for each type, of one for all, for each, or for each with spin; 0 where it has none."""
    ntypes, nspins = len(use_spin), sum(use_spin)
    values = given if isinstance(given, list) else [given] * ntypes
    if len(values) not in (ntypes, nspins):
        raise InputError(
            f"{where} has {len(values)} numbers; expected {ntypes}, one for each name in type_map, or {nspins}, one "
            "for each type with spin."
        )
    rest = iter(values)
    is_short = len(values) != ntypes
    return tuple(float(next(rest)) if has_spin or not is_short else 0.0 for has_spin in use_spin)


def _expand_descriptor(part: Any, unseen: list[list[int]]) -> None:
    """Changes a descriptor's section, or that of a part of one."""
    section = part.section
    for key in part.row.sel_keys(section):
        if key.by_type and isinstance(section.get(key.path), list):
            section[key.path] = section[key.path] * 2
    if "exclude_types" in section:
        section["exclude_types"] = [*unseen, *section["exclude_types"]]


def with_none(values: list[Any], virtual_atoms: VirtualAtoms) -> list[Any]:
    """Values of the types, None for virtual ones."""
    return [*values, *[None] * virtual_atoms.ntypes]
