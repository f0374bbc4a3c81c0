# SPDX-License-Identifier: LGPL-3.0-or-later
"""The settings of a repinit, as the input and the contract name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import ModelFileError
from deepmd_dp.dialect.module import Module, module
from deepmd_dp.dialect.settings import read_settings, setting

if TYPE_CHECKING:
    from collections.abc import Mapping


def _input_mode(value: str) -> str:
    if value not in ("concat", "strip"):
        raise ModelFileError(f"tebd_input_mode {value!r} is unknown; expected concat or strip.")
    return value


@module
class RepinitSettings(Module):
    """What the contract calls ``repinit_args``; the names are the input's."""

    rcut: float = setting()
    rcut_smth: float = setting()
    nsel: int = setting()
    neuron: tuple[int, ...] = setting(default=(25, 50, 100))
    axis_neuron: int = setting(default=16)
    tebd_dim: int = setting(default=8)
    tebd_input_mode: str = setting(default="concat", read=_input_mode)
    set_davg_zero: bool = setting(default=True)
    activation_function: str = setting(default="tanh")
    resnet_dt: bool = setting(default=False)
    type_one_side: bool = setting(default=False)
    use_three_body: bool = setting(default=False)
    three_body_neuron: tuple[int, ...] = setting(default=(2, 4, 8))
    three_body_sel: int = setting(default=40)
    three_body_rcut: float = setting(default=4.0)
    three_body_rcut_smth: float = setting(default=0.5)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> RepinitSettings:
        """Of the input's section ``repinit`` or the contract's ``repinit_args``."""
        return cls(**read_settings(cls, section))

    def two_body(self) -> dict[str, Any]:
        """Of the two-body part, by the names that a descriptor's section has."""
        names = ("rcut", "rcut_smth", "neuron", "activation_function", "resnet_dt", "set_davg_zero", "type_one_side")
        return {**{name: getattr(self, name) for name in names}, "sel": self.nsel}

    def three_body(self) -> dict[str, Any]:
        """Likewise of the three-body part."""
        return self.two_body() | {
            "rcut": self.three_body_rcut,
            "rcut_smth": self.three_body_rcut_smth,
            "sel": self.three_body_sel,
            "neuron": self.three_body_neuron,
            "type_one_side": False,
        }
