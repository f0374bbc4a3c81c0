# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `se_atten` (DPA-1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import Row
from deepmd.schema.argument import NOT_NEGATIVE, POSITIVE, key, not_yet
from deepmd_dp.descriptor.arguments import (
    axis_neuron,
    check_moments,
    embedding_net,
    embedding_of_types,
    environment,
    layer_norm,
    sel_in_all,
    sel_of_all_types,
    set_davg_zero,
    tebd_input_mode,
    type_embedding,
    type_one_side,
)

if TYPE_CHECKING:
    from dargs import Argument


def attention() -> list[Argument]:
    """What is said of the neighbors' attention."""
    return [
        key("attn", int, "Width of queries, keys and values.", default=128, **POSITIVE),
        key("attn_layer", int, "Number of attention layers; 0: no attention.", default=2, **NOT_NEGATIVE),
        key("attn_dotr", bool, "Whether the weights are multiplied by the cosines between neighbors.", default=True),
        not_yet("attn_mask", bool, default=False),
        *layer_norm(),
        key("scaling_factor", float, "Factor on the scale of the dot products.", default=1.0, **POSITIVE),
        key("normalize", bool, "Whether queries, keys and values are normalised.", default=True),
        key("temperature", float, "Scale of the dot products, instead of the factor.", optional=True),
        not_yet("lmax", int),
    ]


def shared_fields() -> list[Argument]:
    """The keys that `se_atten` and `se_atten_v2` share."""
    return [
        sel_in_all(),
        *environment(),
        *embedding_net(),
        axis_neuron(),
        type_one_side(),
        *type_embedding(),
        embedding_of_types(optional=True),
        *attention(),
    ]


def fields() -> list[Argument]:
    """The keys of its section."""
    return [
        *shared_fields(),
        set_davg_zero(True),
        tebd_input_mode(),
        key(
            "smooth_type_embedding",
            bool,
            "Whether the attention weights and the types' net vanish smoothly at the cut-off.",
            default=False,
            alias=["smooth_type_embdding"],
        ),
        key("stripped_type_embedding", [bool, None], "Old form of `tebd_input_mode`.", default=None),
    ]


def upgrade(section: dict[str, Any]) -> None:
    """Reads the switch that ``tebd_input_mode`` replaced."""
    stripped = section.get("stripped_type_embedding")
    if stripped is not None:
        del section["stripped_type_embedding"]
        section["tebd_input_mode"] = "strip" if stripped else "concat"


def check_new(section: dict[str, Any], where: str) -> None:
    """Refuses what makes the energy depend on the order of the atoms."""
    # types in `strip` vanish with the switching function, which is 0 in an empty place
    is_smooth = section.get("tebd_input_mode", "strip") == "strip" and section.get("smooth_type_embedding", True)
    if not section["set_davg_zero"] and not is_smooth:
        raise InputError(
            f"{where}/set_davg_zero is false: the energy then depends on the order of the atoms, in deepmd-kit too, "
            "since an empty place in a list has the type of the first atom; give true or take `se_atten_v2`."
        )


ROW = Row(
    name="se_atten",
    aliases=("dpa1",),
    cls="deepmd_dp.descriptor.se_atten:SeAtten",
    doc="Attention over the neighbors with a type embedding (DPA-1).",
    fields=fields,
    upgrade=upgrade,
    check=check_moments,
    check_new=check_new,
    sel_keys=sel_of_all_types,
)
