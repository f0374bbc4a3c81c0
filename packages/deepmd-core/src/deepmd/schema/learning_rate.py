# SPDX-License-Identifier: LGPL-3.0-or-later
"""Arguments of the section ``learning_rate``."""

from __future__ import annotations

from dargs import Argument, Variant

from deepmd.schema.argument import FRACTION, NOT_NEGATIVE, POSITIVE, key, must, one_of, unused


def exp() -> Argument:
    """The keys of an exponential decay."""
    fields = [
        key("decay_steps", int, "Steps between two decays.", default=5000, **POSITIVE),
        key(
            "decay_rate",
            [float, None],
            "Factor of each decay; null: such that the last step has `stop_lr`.",
            default=None,
        ),
        key("smooth", bool, "Whether the rate falls in each step instead of in stairs.", default=False),
    ]
    return Argument("exp", dict, fields, doc="Exponential decay.")


def cosine() -> Argument:
    """The keys of a decay along a cosine."""
    return Argument("cosine", dict, [], doc="Half a cosine from `start_lr` to `stop_lr`.")


def wsd() -> Argument:
    """The keys of warm-up, a stable part and a decay."""
    fields = [
        key(
            "decay_phase_ratio",
            float,
            "Part of the steps in which the rate falls.",
            default=0.1,
            **must(lambda value: 0 < value <= 1, "a number above 0 and up to 1"),
        ),
        key(
            "decay_type",
            str,
            "How it falls: `inverse_linear` (1/rate grows linearly), `cosine` or `linear`.",
            default="inverse_linear",
            **one_of("inverse_linear", "cosine", "linear"),
        ),
    ]
    return Argument("wsd", dict, fields, doc="Warm-up, a stable phase, then decay.")


def learning_rate() -> Argument:
    """The section ``learning_rate``."""
    ratio = must(lambda value: value is None or value > 0, "a positive number")
    fields = [
        key("start_lr", float, "Rate after the warm-up.", **POSITIVE),
        key("stop_lr", [float, None], "Rate at the last step.", default=None, **ratio),
        key("stop_lr_ratio", [float, None], "The same, as a part of `start_lr`.", default=None, **ratio),
        key("warmup_steps", int, "Steps in which the rate rises linearly.", default=0, **NOT_NEGATIVE),
        key("warmup_ratio", [float, None], "The same, as a part of all steps.", default=None),
        key("warmup_start_factor", float, "The first rate, as a part of `start_lr`.", default=0.0, **FRACTION),
        unused("scale_by_worker", str, default="linear"),
    ]
    variant = Variant("type", [exp(), cosine(), wsd()], optional=True, default_tag="exp", doc="Kind of the schedule.")
    return key("learning_rate", dict, "The schedule of the learning rate.", sub_fields=fields, sub_variants=[variant])
