# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the section ``model`` that all kinds of models have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.registry import MODEL
from deepmd.schema.argument import MULTI_TASK, POSITIVE, key, must, not_yet, unused
from deepmd.schema.choices import choices

if TYPE_CHECKING:
    from dargs import Argument


def model() -> Argument:
    """The section ``model``."""
    kinds = choices(MODEL, "Kind of the model.")
    return key("model", dict, "What is trained.", sub_fields=common_fields(), sub_variants=kinds)


def common_fields(*, inside: bool = False) -> list[Argument]:
    """The keys that models of all kinds have.

    Parameters
    ----------
    inside : bool
        Whether they are those of a model in another one, which has the types already.
    """
    return [
        key(
            "type_map",
            list[str],
            "Names of the types, e.g. `[O, H]`; data are matched by name.",
            optional=inside,
            **must(lambda names: 0 < len(names) == len(set(names)), "a list of different names"),
        ),
        key("data_stat_nbatch", int, "Batches of each system that the statistics are made of.", default=10, **POSITIVE),
        key(
            "data_stat_protect",
            float,
            "Least standard deviation of frame and atomic parameters that they are divided by.",
            default=0.01,
            **POSITIVE,
        ),
        unused("data_bias_nsample", int, default=10),
        key("pair_exclude_types", list[list[int]], "Pairs of types that do not see each other.", default=[]),
        key("atom_exclude_types", list[int], "Types without an atomic energy.", default=[]),
        key(
            "preset_out_bias",
            [dict, None],
            "Energy per type that is taken instead of the fitted one, e.g. `{energy: [null, -13.6]}` [eV].",
            default=None,
        ),
        *_fields_of_tables(),
        not_yet("type_embedding", doc="this model has no descriptor to take it; leave it out"),
        not_yet("modifier", doc="long-range electrostatics (DPLR) are not in this version yet"),
        *(not_yet(name, doc=MULTI_TASK) for name in ("model_dict", "shared_dict", "fitting_net_dict")),
        not_yet("finetune_head", str),
        unused("compress", dict, doc="a trained model is compressed, by `dp compress`"),
        unused("use_compile", bool, doc="each backend compiles what it gains by"),
    ]


def _fields_of_tables() -> list[Argument]:
    return [
        key(
            "use_srtab",
            str,
            "File of a tabulated pair potential (see `pairtab`) that takes the place of a `standard` model's net where "
            "atoms come near each other.",
            optional=True,
        ),
        key(
            "smin_alpha",
            float,
            "Softness of the distance of the nearest neighbor [Å], 0.1 if not given.",
            optional=True,
            **POSITIVE,
        ),
        key("sw_rmin", float, "Distance of the nearest neighbor below which only the table counts [Å].", optional=True),
        key("sw_rmax", float, "Distance of the nearest neighbor beyond which only the net counts [Å].", optional=True),
        key(
            "srtab_add_bias",
            bool,
            "Whether the energies of the types are added where the table counts too, or come in with the net only.",
            default=True,
        ),
    ]
