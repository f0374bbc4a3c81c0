# SPDX-License-Identifier: LGPL-3.0-or-later
"""The settings of a repformer, as the input and the contract name them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepmd_dp.descriptor.message_passing import RESIDUAL_STARTS, UPDATE_STYLES, one_of
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.settings import read_settings, setting

if TYPE_CHECKING:
    from collections.abc import Mapping


def _eps(value: float | None) -> float:
    return 1e-5 if value is None else value


@module
class RepformerSettings(Module):
    """What the contract calls ``repformer_args``; the names are the input's.

    Of an atom there are the features g1, of an edge g2 (invariant) and h2 (a vector). ``update_A_has_B`` says whether
    A is updated by B: conv (g2 g1_j), grrg and drrd (invariants of the moments h2 ⊗ g2 and h2 ⊗ g1_j), attn
    (attention), g1g1 (g1_i g1_j).
    """

    rcut: float = setting()
    rcut_smth: float = setting()
    nsel: int = setting()
    nlayers: int = setting(default=3)
    g1_dim: int = setting(default=128)
    g2_dim: int = setting(default=16)
    axis_neuron: int = setting(default=4)
    direct_dist: bool = setting(default=False)
    update_g1_has_conv: bool = setting(default=True)
    update_g1_has_drrd: bool = setting(default=True)
    update_g1_has_grrg: bool = setting(default=True)
    update_g1_has_attn: bool = setting(default=True)
    update_g2_has_g1g1: bool = setting(default=True)
    update_g2_has_attn: bool = setting(default=True)
    update_h2: bool = setting(default=False)
    attn1_hidden: int = setting(default=64)
    attn1_nhead: int = setting(default=4)
    attn2_hidden: int = setting(default=16)
    attn2_nhead: int = setting(default=4)
    attn2_has_gate: bool = setting(default=False)
    activation_function: str = setting(default="tanh")
    update_style: str = setting(default="res_avg", read=one_of("update_style", *UPDATE_STYLES))
    update_residual: float = setting(default=0.001)
    update_residual_init: str = setting(default="norm", read=one_of("update_residual_init", *RESIDUAL_STARTS))
    set_davg_zero: bool = setting(default=True)
    trainable_ln: bool = setting(default=True)
    use_sqrt_nnei: bool = setting(default=True)
    g1_out_conv: bool = setting(default=True)
    g1_out_mlp: bool = setting(default=True)
    ln_eps: float = setting(default=1e-5, read=_eps)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> RepformerSettings:
        """Of the input's section ``repformer`` or the contract's ``repformer_args``."""
        return cls(**read_settings(cls, section))

    def of_layer(self, index: int) -> RepformerSettings:
        """What a layer does: after the last nobody looks at the edges, so that it leaves them alone."""
        if index < self.nlayers - 1:
            return self
        return replace(self, update_g2_has_g1g1=False, update_g2_has_attn=False, update_h2=False)
