# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.data_system`: several systems, which are `deepmd.data.TrainingData`."""

from __future__ import annotations

from typing import Any

from deepmd.data import DataRequirement, TrainingData, find_systems
from deepmd.kit_names.utils.data import as_dict


def process_systems(systems: str | list[str], patterns: list[str] | None = None) -> list[str]:
    """`deepmd.data.find_systems`."""
    return find_systems(systems, patterns)


def get_data(
    jdata: dict[str, Any], rcut: float, type_map: list[str] | None, modifier: object = None, **_options: object
) -> DeepmdDataSystem:
    """The systems of an input's section ``training_data``; what follows it but the names of types is without effect."""
    return DeepmdDataSystem(
        find_systems(jdata["systems"], jdata.get("rglob_patterns")),
        jdata["batch_size"],
        type_map=type_map,
        sys_probs=jdata.get("sys_probs"),
        auto_prob_style=jdata.get("auto_prob", "prob_sys_size"),
    )


class DeepmdDataSystem:
    """Systems and the batches drawn from them.

    Parameters
    ----------
    systems : list of str
    batch_size : int, list of int or str
        The input's key ``batch_size``.
    type_map : list of str, optional
        Names of the types; None: those of the first system.
    sys_probs, auto_prob_style
        The input's keys ``sys_probs`` and ``auto_prob``.
    **_options
        Without effect.
    """

    def __init__(
        self,
        systems: list[str],
        batch_size: int | list[int] | str,
        *_old: object,
        type_map: list[str] | None = None,
        sys_probs: list[float] | None = None,
        auto_prob_style: str = "prob_sys_size",
        **_options: object,
    ) -> None:
        section = {
            "systems": systems,
            "batch_size": batch_size,
            "sys_probs": sys_probs,
            "auto_prob": auto_prob_style,
        }
        self._requirements: list[DataRequirement] = []
        self.data = TrainingData(section, type_map or [])

    def add(self, key: str, ndof: int, atomic: bool = False, must: bool = False, **options: Any) -> None:
        """Asks for an item, see `deepmd.utils.data.DeepmdData.add`."""
        known = {"repeat": "repeat", "default": "default", "high_prec": "high_precision"}
        chosen = {known[name]: value for name, value in options.items() if name in known}
        self._requirements.append(DataRequirement(key, ndof, atomic, must, **chosen))
        self.data.require(self._requirements)

    def add_dict(self, adict: dict[str, dict[str, Any]]) -> None:
        """Asks for several items."""
        for key, options in adict.items():
            self.add(key, **options)

    def get_batch(self) -> dict[str, Any]:
        """The next random batch, as `deepmd.utils.data.as_dict` says."""
        return as_dict(self.data.draw())

    def get_nsystems(self) -> int:
        """Number of systems."""
        return len(self.data)

    def get_nbatches(self) -> list[int]:
        """Batches of each system in an epoch."""
        return self.data.nbatches

    def get_type_map(self) -> list[str]:
        """Names of the types."""
        return self.data.systems[0].type_map
