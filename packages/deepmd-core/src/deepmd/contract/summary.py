# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a serialized model tells about itself, without any backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepmd.contract.arrays import VARIABLES, count_arrays, walk_arrays
from deepmd.elements import sort_elements
from deepmd.errors import ModelFileError

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
    "case_embd",
    "vdata",
    "tab_info",
    "tab_data",
}
"""Arrays that are never optimised: statistics of the data, codes, tables."""
PARTS = {"descriptor": "descriptor", "fitting": "fitting-net"}
"""Part of a model's tree to the name that its size is shown under."""
LEAST_BIAS = 1e-6
"""A bias that is larger was fitted to data."""


def model_size(model: dict[str, Any]) -> dict[str, int]:
    """Number of parameters of the ``descriptor``, of the ``fitting-net`` and in ``total``.

    Parameters that are not trained count too; of a model made of several, those of all.
    """
    sizes = {**dict.fromkeys(PARTS.values(), 0), "total": 0}
    for path, array in walk_arrays(model):
        keys = path.split(".")
        if keys[-1] in NOT_PARAMETERS:
            continue
        sizes["total"] += array.size
        for part in PARTS.keys() & set(keys):
            sizes[PARTS[part]] += array.size
    return sizes


def type_map_of(model: dict[str, Any]) -> list[str] | None:
    """Names of a model's types; of a model of spins without those of virtual atoms; None: it has none."""
    names: list[str] | None = model.get("type_map")
    if names is None and "spin" in model:
        names = model["backbone_model"]["type_map"][: len(model["spin"]["use_spin"])]
    return names


def observed_types(document: dict[str, Any]) -> dict[str, Any]:
    """The elements met in the training data: those recorded, else those with a bias.

    Returns
    -------
    dict[str, Any]
        ``type_num`` and ``observed_type``, the names by atomic number.

    Raises
    ------
    ModelFileError
        The model does not tell.
    """
    names = ((document.get("model_def_script") or {}).get("info") or {}).get("observed_type")
    if names is None:
        found = [_types_with_bias(model) for model in _models(document["model"])]
        if not found:
            raise ModelFileError("the file does not record which types the training data had.")
        names = sort_elements(dict.fromkeys(name for some in found for name in some))
    return {"type_num": len(names), "observed_type": list(names)}


def _models(tree: Any) -> Iterator[dict[str, Any]]:
    """The model and those that it is made of, as far as they have types and biases."""
    if isinstance(tree, dict):
        if tree.get("type_map") and "out_bias" in tree.get(VARIABLES, {}):
            yield tree
        for value in tree.values():
            yield from _models(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _models(value)


def _types_with_bias(model: dict[str, Any]) -> list[str]:
    """Names of the types whose bias, of the model or of its fitting, is not zero."""
    size = np.max(np.abs(np.asarray(model[VARIABLES]["out_bias"])), axis=(0, 2))
    of_fitting = (model.get("fitting") or {}).get(VARIABLES, {}).get("bias_atom_e")
    if of_fitting is not None:
        size = size + np.max(np.abs(np.reshape(of_fitting, (len(size), -1))), axis=1)
    return [name for name, bias in zip(model["type_map"], size, strict=True) if bias > LEAST_BIAS]


def serialization_tree(model: dict[str, Any]) -> str:
    """The modules of a model as an indented tree with the numbers of values in their arrays."""
    return "\n".join(_lines("model", model, ""))


def _lines(name: str, node: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    yield f"{indent}{name}: {_title(node)} ({count_arrays(node)})"
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        if key != VARIABLES and count_arrays(child) > 0:
            yield from _lines(str(key), child, indent + "  ")


def _title(node: dict[str, Any] | list[Any]) -> str:
    if isinstance(node, list):
        return f"list of {len(node)}"
    words = [node.get("@class", "group"), node.get("type", "")]
    return " ".join(word for word in words if word)
