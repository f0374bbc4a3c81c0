# SPDX-License-Identifier: LGPL-3.0-or-later
"""Input of `property`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.registry import Row
from deepmd.schema.argument import POSITIVE, key, must, one_of
from deepmd_dp.loss.arguments import check_fitted

if TYPE_CHECKING:
    from dargs import Argument

KINDS = ("smooth_mae", "mae", "mse", "rmse", "mape")


def fields() -> list[Argument]:
    """The keys of its section."""
    are_known = must(lambda given: given and set(given) <= set(KINDS), f"a list of some of {', '.join(KINDS)}")
    return [
        key(
            "loss_func",
            str,
            "What is minimised: the absolute (`mae`) or squared (`mse`) error, the first but for small ones, which are "
            "squared (`smooth_mae`), the root of the mean of squares (`rmse`), or the relative error (`mape`).",
            default="smooth_mae",
            **one_of(*KINDS),
        ),
        key("metric", list[str], "Errors that are shown, of the same names.", default=["mae"], **are_known),
        key("beta", float, "Error below which `smooth_mae` is squared.", default=1.0, **POSITIVE),
    ]


def label_sets(section: dict[str, Any], model: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`Row.label_sets`."""
    check_fitted(section, model)
    name = model.get("fitting_net", {}).get("property_name")
    return ((name,),) if name else ()


ROW = Row(
    name="property",
    cls="deepmd_dp.loss.property:PropertyLoss",
    doc="A property of frames.",
    fields=fields,
    label_sets=label_sets,
)
