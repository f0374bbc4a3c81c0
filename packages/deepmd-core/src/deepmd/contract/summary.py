# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a serialized model tells about itself, without any backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract.arrays import VARIABLES, count_arrays, walk_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_PARAMETERS = {
    "davg",
    "dstd",
    "bias_atom_e",
    "out_bias",
    "out_std",
    "fparam_avg",
    "fparam_inv_std",
    "aparam_avg",
    "aparam_inv_std",
}
"""Arrays taken from the data's statistics: they are not optimised."""


def model_size(model: dict) -> dict[str, int]:
    """Number of parameters of the ``descriptor``, of the ``fitting-net`` and in ``total``."""
    descriptor = _count_parameters(model.get("descriptor"))
    fitting = _count_parameters(model.get("fitting"))
    return {"descriptor": descriptor, "fitting-net": fitting, "total": _count_parameters(model)}


def _count_parameters(tree: Any) -> int:
    return sum(array.size for path, array in walk_arrays(tree) if path.split(".")[-1] not in NOT_PARAMETERS)


def observed_types(document: dict) -> dict[str, Any]:
    """The elements met in the training data: those recorded, else those whose output bias is not zero.

    Returns
    -------
    dict[str, Any]
        ``type_num`` and ``observed_type``, the sorted names.
    """
    model = document["model"]
    names = ((document.get("model_def_script") or {}).get("info") or {}).get("observed_type")
    if names is None:
        bias = np.asarray(model[VARIABLES]["out_bias"])
        present = np.any(bias != 0.0, axis=(0, 2))
        names = sorted(name for name, is_present in zip(model["type_map"], present, strict=True) if is_present)
    return {"type_num": len(names), "observed_type": list(names)}


def serialization_tree(model: dict) -> str:
    """The modules of a model as an indented tree with the numbers of values in their arrays."""
    return "\n".join(_lines("model", model, ""))


def _lines(name: str, node: dict | list, indent: str) -> Iterator[str]:
    yield f"{indent}{name}: {_title(node)} ({count_arrays(node)})"
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        if key != VARIABLES and count_arrays(child) > 0:
            yield from _lines(str(key), child, indent + "  ")


def _title(node: dict | list) -> str:
    if isinstance(node, list):
        return f"list of {len(node)}"
    words = [node.get("@class", "group"), node.get("type", "")]
    return " ".join(word for word in words if word)
