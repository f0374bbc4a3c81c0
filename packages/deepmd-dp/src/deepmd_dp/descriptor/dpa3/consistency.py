# SPDX-License-Identifier: LGPL-3.0-or-later
"""Which settings of DPA-3 go together, for the input and for files; needs no NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def contradictions(given: Mapping[str, Any]) -> list[str]:
    """What does not go together in settings by name, complete ones; a sentence each."""
    found = []
    if given["use_dynamic_sel"] and not given["smooth_edge_update"]:
        found.append("use_dynamic_sel needs smooth_edge_update; set that to true.")
    if given["sequential_update"] and given["update_style"] != "res_residual":
        found.append(f"sequential_update needs update_style res_residual; it is {given['update_style']}.")
    if given["sequential_update"] and not given["update_angle"]:
        found.append("sequential_update needs update_angle; set that to true.")
    for name, most in (("a_rcut", "e_rcut"), ("a_sel", "e_sel")):
        small, large = given[name], given[most]
        if not isinstance(small, str) and not isinstance(large, str) and _value(small) > _value(large):
            found.append(f"{name} is {small}; expected at most {most}, which is {large}.")
    found += _about_widths(given)
    return found


def _value(size: float | list[int]) -> float:
    return sum(size) if isinstance(size, list) else size


def _about_widths(given: Mapping[str, Any]) -> list[str]:
    found = []
    narrow = min(given["n_dim"], given["e_dim"])
    if given["axis_neuron"] > narrow:
        found.append(f"axis_neuron is {given['axis_neuron']}; expected at most n_dim and e_dim, {narrow}.")
    rate, e_rate, a_dim = given["a_compress_rate"], given["a_compress_e_rate"], given["a_dim"]
    if rate and given["update_angle"]:
        if a_dim % (2 * rate):
            found.append(f"a_dim is {a_dim}; expected a multiple of 2 a_compress_rate, which is {2 * rate}.")
        sizes = {"n_dim": a_dim // rate, "e_dim": a_dim // (2 * rate) * e_rate}
        for name, size in sizes.items():
            if given["a_compress_use_split"] and size > given[name]:
                found.append(f"a_compress_use_split takes {size} features of {name}, which is {given[name]}; lower it.")
    return found
