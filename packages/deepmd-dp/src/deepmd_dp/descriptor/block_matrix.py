# SPDX-License-Identifier: LGPL-3.0-or-later
"""The environment matrix of a descriptor's block in the contract, where a descriptor has several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd_dp.environment.environment_matrix import EnvironmentMatrix

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_matrix(matrix: EnvironmentMatrix) -> dict[str, Any]:
    """The entries of a block's tree that come from its environment matrix."""
    data = matrix.serialize()
    return {name: data[name] for name in ("env_mat", "@variables")}


def read_matrix(
    descriptor: Mapping[str, Any], settings: Mapping[str, Any], block: Mapping[str, Any], where: str
) -> EnvironmentMatrix:
    """That of a block.

    Parameters
    ----------
    descriptor : mapping
        The descriptor's tree; protection and excluded pairs stand there.
    settings : mapping
        ``rcut``, ``rcut_smth``, ``sel`` and ``set_davg_zero`` of the block.
    block : mapping
        The block's tree, with the statistics.
    """
    return EnvironmentMatrix.deserialize(
        {**descriptor, **settings, **block}, descriptor["ntypes"], where, by_type=False
    )
