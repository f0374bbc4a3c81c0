# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the section ``optimizer``."""

from __future__ import annotations

from dargs import Argument, Variant

from deepmd.schema.argument import FRACTION, NOT_NEGATIVE, key, not_yet


def adam_like(name: str, weight_decay: float, doc: str) -> Argument:
    """The keys of Adam and its like."""
    fields = [
        key("adam_beta1", float, "Decay of the gradient's mean.", default=0.9, **FRACTION),
        key("adam_beta2", float, "Decay of the squared gradient's mean.", default=0.999, **FRACTION),
        key("weight_decay", float, "Strength of the pull towards zero.", default=weight_decay, **NOT_NEGATIVE),
    ]
    return Argument(name, dict, fields, doc=doc)


NOT_YET_OPTIMIZERS = ("LKF", "AdaMuon", "HybridMuon")


def optimizer() -> Argument:
    """The section ``optimizer``."""
    choices = [
        adam_like("Adam", 0.0, "Adam; a weight decay is added to the gradient."),
        adam_like("AdamW", 0.001, "Adam with the weight decay apart from the gradient."),
        *(not_yet(name) for name in NOT_YET_OPTIMIZERS),
    ]
    variant = Variant("type", choices, optional=True, default_tag="Adam", doc="Kind of the optimiser.")
    return key("optimizer", dict, "How the parameters are updated.", sub_variants=[variant])
