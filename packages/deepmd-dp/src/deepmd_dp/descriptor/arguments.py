# SPDX-License-Identifier: LGPL-3.0-or-later
"""The keys that descriptors share, and what is to be checked of them; for a third party's descriptors too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd.registry import SelKey
from deepmd.schema.argument import (
    NOT_NEGATIVE,
    POSITIVE,
    SEL,
    SEL_DOC,
    WIDTHS,
    activation_function,
    key,
    one_of,
    precision,
    seed,
)
from deepmd.schema.semantics import check_one_per_type, check_pairs

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from dargs import Argument

    Section = dict[str, Any]
    """A part of the input."""


def sel_by_type() -> Argument:
    """The key ``sel`` of descriptors that count the neighbors of each type."""
    return key("sel", [list[int], str], SEL_DOC.format(form="a list with one number per type"), default="auto", **SEL)


def sel_in_all() -> Argument:
    """The key ``sel`` of descriptors that count the neighbors of all types together."""
    form = "one number for all types together, or a list that is summed"
    return key("sel", [int, list[int], str], SEL_DOC.format(form=form), default="auto", **SEL)


def environment() -> list[Argument]:
    """What all descriptors say of the neighborhood."""
    return [
        key("rcut", float, "Cut-off radius [Å].", default=6.0, **POSITIVE),
        key("rcut_smth", float, "Where the switching function begins to fall [Å].", default=0.5, **NOT_NEGATIVE),
        exclude_types(),
        env_protection(),
    ]


def exclude_types() -> Argument:
    """The key ``exclude_types``."""
    return key("exclude_types", list[list[int]], "Pairs of types without interaction, e.g. `[[0, 1]]`.", default=[])


def env_protection() -> Argument:
    """The key ``env_protection``."""
    doc = "Added to distances in the environment matrix so that atoms at one place give no infinity [Å]."
    return key("env_protection", float, doc, default=0.0, **NOT_NEGATIVE)


def embedding_net(neuron: tuple[int, ...] = (10, 20, 40)) -> list[Argument]:
    """What all descriptors with an embedding net say of it."""
    return [
        key("neuron", list[int], "Widths of the embedding net's layers.", default=list(neuron), **WIDTHS),
        activation_function(),
        key("resnet_dt", bool, "Whether the residual steps have trainable widths.", default=False),
        precision(),
        key("trainable", bool, "Whether the parameters are trained.", default=True),
        seed("the initial weights"),
    ]


def axis_neuron() -> Argument:
    """The key ``axis_neuron``."""
    doc = "Width of the second factor of the descriptor's outer product."
    return key("axis_neuron", int, doc, default=4, alias=["n_axis_neuron"], **POSITIVE)


def type_one_side() -> Argument:
    """The key ``type_one_side``."""
    return key("type_one_side", bool, "Whether the net depends on the neighbor's type only.", default=False)


def type_embedding(*, bias: bool = False, concat: bool = True, has_dim: bool = True) -> list[Argument]:
    """What descriptors with a type embedding say of it.

    `bias` and `concat` are the defaults of ``use_tebd_bias`` and ``concat_output_tebd``; without `has_dim` the width
    stands elsewhere.
    """
    return [
        *([tebd_dim()] if has_dim else []),
        key("use_econf_tebd", bool, "Whether types enter as electron configurations.", default=False),
        key("use_tebd_bias", bool, "Whether the type embedding's layers have a bias.", default=bias),
        key(
            "concat_output_tebd",
            bool,
            "Whether the type embedding of the centre is appended to the descriptor.",
            default=concat,
        ),
    ]


def embedding_of_types(*, optional: bool = False) -> Argument:
    """The key ``type_embedding``, which inputs have in ``model``."""
    return key(
        "type_embedding",
        dict,
        "The net that embeds the types.",
        optional=optional,
        sub_fields=[
            *embedding_net((8,)),
            key("use_econf_tebd", bool, "Whether types enter as electron configurations.", default=False),
            key("use_tebd_bias", bool, "Whether the type embedding's layers have a bias.", default=False),
        ],
    )


def tebd_dim() -> Argument:
    """The key ``tebd_dim``."""
    return key("tebd_dim", int, "Width of the type embedding.", default=8, **POSITIVE)


def tebd_input_mode() -> Argument:
    """The key ``tebd_input_mode``."""
    doc = "How types enter: `concat`, joined to the distance; `strip`, by a net of their own that multiplies."
    return key("tebd_input_mode", str, doc, default="concat", **one_of("concat", "strip"))


def layer_norm() -> list[Argument]:
    """What descriptors with layer normalisation say of it."""
    return [
        key("trainable_ln", bool, "Whether the layer normalisation is trained.", default=True),
        key("ln_eps", [float, None], "Added to the variance in layer normalisation; null: 1e-5.", default=None),
    ]


def set_davg_zero(default: bool) -> Argument:
    """The key ``set_davg_zero``."""
    return key("set_davg_zero", bool, "Whether the mean of the environment matrix is taken as zero.", default=default)


def of_whole() -> list[Argument]:
    """What descriptors of several parts say of the whole."""
    return [
        precision(),
        exclude_types(),
        env_protection(),
        key("trainable", bool, "Whether the parameters are trained.", default=True),
        seed("the initial weights"),
    ]


def neighborhood(sel: str, prefix: str = "", of: str = "") -> list[Argument]:
    """Cut-off, switch and capacity of one of several lists, of all types."""
    return [
        key(f"{prefix}rcut", float, f"Cut-off radius{of} [Å].", **POSITIVE),
        key(f"{prefix}rcut_smth", float, "Where the switching function begins to fall [Å].", **NOT_NEGATIVE),
        sel_of_list(sel),
    ]


def sel_of_list(name: str, **options: int) -> Argument:
    """The capacity of one of several lists."""
    return key(name, [int, str], SEL_DOC.format(form="one number for all types together"), **options, **SEL)


def update_weights(style: str, size: float, start: str) -> list[Argument]:
    """How layers that pass messages add their terms, with these defaults."""
    return [
        key(
            "update_style",
            str,
            "How a layer's terms are added: `res_avg`, sum over the square root of their number; `res_incr`, updates "
            "over the square root of theirs; `res_residual`, each with a trained weight.",
            default=style,
            **one_of("res_avg", "res_incr", "res_residual"),
        ),
        key("update_residual", float, "First size of the weights of `res_residual`.", default=size),
        key(
            "update_residual_init",
            str,
            "How these weights start: `norm`, drawn with this deviation; `const`, all of this size.",
            default=start,
            **one_of("norm", "const"),
        ),
    ]


def sel_of_each_type(section: Section) -> tuple[SelKey, ...]:
    """`Row.sel_keys` of descriptors with `sel_by_type`."""
    return (SelKey("sel", section["rcut"], by_type=True),)


def sel_of_all_types(section: Section) -> tuple[SelKey, ...]:
    """`Row.sel_keys` of descriptors with `sel_in_all`."""
    return (SelKey("sel", section["rcut"]),)


def check_switch(section: Section, where: str, prefix: str = "") -> None:
    """Checks that the switching function begins to fall within the cut-off."""
    rcut, smth = section[f"{prefix}rcut"], section[f"{prefix}rcut_smth"]
    if smth >= rcut:
        raise InputError(f"{where}/{prefix}rcut_smth is {smth}; expected less than {prefix}rcut, which is {rcut}.")


def check_axis(section: Section, where: str) -> None:
    """Checks that the second factor is a part of the first."""
    axis, width = section["axis_neuron"], section["neuron"][-1]
    if axis > width:
        raise InputError(f"{where}/axis_neuron is {axis}; expected at most the last width in neuron, {width}.")


def check_list(section: Section, where: str, type_map: list[str]) -> None:
    """Checks what all descriptors of one list say of it: `Row.check` of those of angles."""
    check_switch(section, where)
    check_pairs(section["exclude_types"], f"{where}/exclude_types", type_map)


def check_environment(section: Section, where: str, type_map: list[str]) -> None:
    """The same of descriptors of distances: `Row.check` of the simplest one."""
    check_list(section, where, type_map)
    if section["exclude_types"]:
        log.warning(
            "%s/exclude_types: the energy jumps where atoms of these types cross the cut-off, in deepmd-kit too; "
            "model/pair_exclude_types is smooth.",
            where,
        )


def check_moments(section: Section, where: str, type_map: list[str]) -> None:
    """The same of descriptors that multiply moments."""
    check_environment(section, where, type_map)
    check_axis(section, where)


def check_sel_by_type(section: Section, where: str, type_map: list[str]) -> None:
    """Checks that a list in ``sel`` has a number for each type."""
    if isinstance(section["sel"], list):
        check_one_per_type(section["sel"], f"{where}/sel", type_map)
