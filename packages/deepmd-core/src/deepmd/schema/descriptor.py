# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the descriptors: one function each, listed in `DESCRIPTORS`."""

from __future__ import annotations

import re

from dargs import Argument, Variant

from deepmd.schema.argument import (
    NOT_NEGATIVE,
    POSITIVE,
    WIDTHS,
    activation_function,
    key,
    must,
    not_yet,
    one_of,
    precision,
    seed,
)

SEL_DOC = (
    "Most neighbors within the cut-off that the model is made for: {form}, `auto` (counted in the data, with a "
    "tenth to spare) or `auto:FACTOR`."
)


def is_sel(sel: int | list[int] | str) -> bool:
    """Whether a value is a form of ``sel``: numbers of neighbors, ``auto`` or ``auto:1.2``."""
    if isinstance(sel, str):
        return re.fullmatch(r"auto(:\d+(\.\d+)?)?", sel) is not None
    return min(sel if isinstance(sel, list) else [sel], default=0) >= 0 and sel != []


SEL = must(is_sel, "numbers of neighbors, `auto` or `auto:FACTOR`")


def environment() -> list[Argument]:
    """What all descriptors say of the neighborhood."""
    return [
        key("rcut", float, "Cut-off radius [Å].", default=6.0, **POSITIVE),
        key("rcut_smth", float, "Where the switching function begins to fall [Å].", default=0.5, **NOT_NEGATIVE),
        key("exclude_types", list[list[int]], "Pairs of types without interaction, e.g. `[[0, 1]]`.", default=[]),
        key(
            "env_protection",
            float,
            "Added to distances in the environment matrix so that atoms at one place give no infinity [Å].",
            default=0.0,
        ),
    ]


def embedding_net() -> list[Argument]:
    """What all descriptors with an embedding net say of it."""
    return [
        key("neuron", list[int], "Widths of the embedding net's layers.", default=[10, 20, 40], **WIDTHS),
        key(
            "axis_neuron",
            int,
            "Width of the second factor of the descriptor's outer product.",
            default=4,
            alias=["n_axis_neuron"],
            **POSITIVE,
        ),
        activation_function(),
        key("resnet_dt", bool, "Whether the residual steps have trainable widths.", default=False),
        key("type_one_side", bool, "Whether the net depends on the neighbor's type only.", default=False),
        precision(),
        key("trainable", bool, "Whether the parameters are trained.", default=True),
        seed("the initial weights"),
    ]


def type_embedding() -> list[Argument]:
    """What descriptors with a type embedding say of it."""
    return [
        key("tebd_dim", int, "Width of the type embedding.", default=8, **POSITIVE),
        key("use_econf_tebd", bool, "Whether types enter as electron configurations.", default=False),
        key("use_tebd_bias", bool, "Whether the type embedding's layers have a bias.", default=False),
        key(
            "concat_output_tebd",
            bool,
            "Whether the type embedding of the centre is appended to the descriptor.",
            default=True,
        ),
    ]


def attention() -> list[Argument]:
    """What descriptors with neighbor attention say of it."""
    return [
        key("attn", int, "Width of queries, keys and values.", default=128, **POSITIVE),
        key("attn_layer", int, "Number of attention layers; 0: no attention.", default=2, **NOT_NEGATIVE),
        key("attn_dotr", bool, "Whether the weights are multiplied by the cosines between neighbors.", default=True),
        key("attn_mask", bool, "Whether a neighbor's weight on itself is masked.", default=False),
        key("trainable_ln", bool, "Whether the layer normalisation is trained.", default=True),
        key("ln_eps", [float, None], "Added to the variance in layer normalisation; null: 1e-5.", default=None),
        key("scaling_factor", float, "Factor on the scale of the dot products.", default=1.0),
        key("normalize", bool, "Whether queries, keys and values are normalised.", default=True),
        key("temperature", float, "Scale of the dot products, instead of the factor.", optional=True),
        not_yet("lmax", int),
    ]


def davg_zero(default: bool) -> Argument:
    return key("set_davg_zero", bool, "Whether the mean of the environment matrix is taken as zero.", default=default)


def se_e2_a() -> Argument:
    sel = key("sel", [list[int], str], SEL_DOC.format(form="a list with one number per type"), default="auto", **SEL)
    fields = [sel, *environment(), *embedding_net(), davg_zero(False)]
    doc = "Embedded distances and angles of two atoms (DeepPot-SE); one net per type or pair of types."
    return Argument("se_e2_a", dict, fields, alias=["se_a"], doc=doc)


def _mixed_sel() -> Argument:
    form = "one number for all types together, or a list that is summed"
    return key("sel", [int, list[int], str], SEL_DOC.format(form=form), default="auto", **SEL)


def se_atten() -> Argument:
    fields = [
        _mixed_sel(),
        *environment(),
        *embedding_net(),
        *type_embedding(),
        *attention(),
        davg_zero(True),
        key(
            "tebd_input_mode",
            str,
            "How types enter: `concat`, joined to the distance; `strip`, by a net of their own that multiplies.",
            default="concat",
            **one_of("concat", "strip"),
        ),
        key(
            "smooth_type_embedding",
            bool,
            "Whether the attention weights and the types' net vanish smoothly at the cut-off.",
            default=False,
            alias=["smooth_type_embdding"],
        ),
        key("stripped_type_embedding", [bool, None], "Old form of `tebd_input_mode`.", default=None),
    ]
    doc = "Attention over the neighbors with a type embedding (DPA-1)."
    return Argument("se_atten", dict, fields, alias=["dpa1"], doc=doc)


def se_atten_v2() -> Argument:
    fields = [
        _mixed_sel(),
        *environment(),
        *embedding_net(),
        *type_embedding(),
        *attention(),
        davg_zero(False),
    ]
    doc = "DPA-1 with `tebd_input_mode` strip and a smooth type embedding: recommended over se_atten."
    return Argument("se_atten_v2", dict, fields, doc=doc)


DESCRIPTORS = (se_e2_a, se_atten, se_atten_v2)
NOT_YET_DESCRIPTORS = {
    "loc_frame": (),
    "dpa4c": ("DPA4C",),
    "dpa4": ("DPA4", "SeZM", "sezm"),
    "se_e3": ("se_at", "se_a_3be", "se_t"),
    "se_a_tpe": ("se_a_ebd",),
    "se_e2_r": ("se_r",),
    "hybrid": (),
    "se_e3_tebd": (),
    "dpa2": (),
    "dpa3": (),
    "se_a_ebd_v2": ("se_a_tpe_v2",),
    "se_a_mask": (),
}
"""deepmd-kit's other descriptors and their aliases."""


def descriptor() -> Argument:
    """The section ``model/descriptor``."""
    choices = [make() for make in DESCRIPTORS]
    choices += [not_yet(name, alias=alias) for name, alias in NOT_YET_DESCRIPTORS.items()]
    variant = Variant("type", choices, doc="Kind of the descriptor.")
    return key("descriptor", dict, "What an atom sees of its neighbors.", sub_variants=[variant])
