# SPDX-License-Identifier: LGPL-3.0-or-later
"""The settings of the layers of DPA-3, as the input and the contract name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.descriptor.dpa3.consistency import contradictions
from deepmd_dp.descriptor.message_passing import RESIDUAL_STARTS, UPDATE_STYLES, one_of
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.settings import read_settings, setting
from deepmd_dp.environment.environment_matrix import MOST_NEIGHBORS, RCUT

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_FEATURES = 10**5


def _one_number(sel: int | list[int]) -> int:
    return sel if isinstance(sel, int) else sum(sel)


@module
class RepflowSettings(Module):
    """What the contract calls ``repflow_args``; the names are the input's.

    ``n``, ``e`` and ``a`` stand for atoms (nodes of a graph), edges, and angles between two edges of an atom.
    ``optim_update`` is about the order of operations in deepmd-kit and changes no number.
    """

    n_dim: int = setting(default=128, bounds=(1, _MOST_FEATURES))
    e_dim: int = setting(default=64, bounds=(1, _MOST_FEATURES))
    a_dim: int = setting(default=64, bounds=(1, _MOST_FEATURES))
    nlayers: int = setting(default=6, bounds=(1, _MOST_FEATURES))
    e_rcut: float = setting(bounds=RCUT)
    e_rcut_smth: float = setting(bounds=(0.0, RCUT[1]))
    e_sel: int = setting(read=_one_number, bounds=(1, MOST_NEIGHBORS))
    a_rcut: float = setting(bounds=RCUT)
    a_rcut_smth: float = setting(bounds=(0.0, RCUT[1]))
    a_sel: int = setting(read=_one_number, bounds=(1, MOST_NEIGHBORS))
    a_compress_rate: int = setting(default=0, bounds=(0, _MOST_FEATURES))
    a_compress_e_rate: int = setting(default=1, bounds=(1, _MOST_FEATURES))
    a_compress_use_split: bool = setting(default=False)
    n_multi_edge_message: int = setting(default=1, bounds=(1, _MOST_FEATURES))
    axis_neuron: int = setting(default=4, bounds=(1, _MOST_FEATURES))
    update_angle: bool = setting(default=True)
    update_style: str = setting(default="res_residual", read=one_of("update_style", *UPDATE_STYLES))
    update_residual: float = setting(default=0.1)
    update_residual_init: str = setting(default="const", read=one_of("update_residual_init", *RESIDUAL_STARTS))
    fix_stat_std: float = setting(default=0.3)
    optim_update: bool = setting(default=True)
    smooth_edge_update: bool = setting(default=False)
    edge_init_use_dist: bool = setting(default=False)
    use_exp_switch: bool = setting(default=False)
    use_dynamic_sel: bool = setting(default=False)
    sel_reduce_factor: float = setting(default=10.0, bounds=(1e-6, 1e6))
    sequential_update: bool = setting(default=False)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> RepflowSettings:
        """Of the input's section ``repflow`` or the contract's ``repflow_args``.

        Raises
        ------
        ModelFileError
            They contradict each other.
        """
        settings = cls(**read_settings(cls, section))
        for problem in contradictions(section):
            raise ModelFileError(f"repflow: {problem}")
        return settings

    @property
    def e_number(self) -> float:
        """What sums over edges are divided by."""
        return self.e_sel / (self.sel_reduce_factor if self.use_dynamic_sel else 1.0)

    @property
    def a_number(self) -> float:
        """What sums over the angles of an edge are divided by the square root of."""
        return self.a_sel / (self.sel_reduce_factor if self.use_dynamic_sel else 1.0)

    @property
    def compressed_dims(self) -> tuple[int, int]:
        """Features of an atom and of an edge that angles look at."""
        rate = self.a_compress_rate
        if rate == 0:
            return self.n_dim, self.e_dim
        return self.a_dim // rate, self.a_dim // (2 * rate) * self.a_compress_e_rate

    @property
    def has_compression(self) -> bool:
        """Whether these are linear maps of all features."""
        return self.update_angle and self.a_compress_rate != 0 and not self.a_compress_use_split

    @property
    def angle_rows(self) -> tuple[int, int, int, int]:
        """What an angle's message is made of: features of the angle, the atom, the edge k and the edge j."""
        n_dim, e_dim = self.compressed_dims
        return self.a_dim, n_dim, e_dim, e_dim

    @property
    def residual_sizes(self) -> dict[str, list[int]]:
        """Widths of the vectors that weigh the updates."""
        return {
            "n_residual": [self.n_dim] * (2 + self.n_multi_edge_message),
            "e_residual": [self.e_dim] * (1 + self.update_angle),
            "a_residual": [self.a_dim] * self.update_angle,
        }
