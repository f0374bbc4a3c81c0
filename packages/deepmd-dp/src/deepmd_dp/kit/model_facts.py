# SPDX-License-Identifier: LGPL-3.0-or-later
"""What programs ask of a model before they evaluate it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepmd.errors import InputError
from deepmd.infer.deep_eval import DeepEvalBackend
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Float
from deepmd_dp.environment.charge_spin import default_charge_spin, takes_charge_spin
from deepmd_dp.environment.expansion import outputs_of_atoms
from deepmd_dp.environment.fragments import Fragments
from deepmd_dp.environment.virtual_atoms import VirtualAtoms
from deepmd_dp.kit.metadata import selected_types
from deepmd_dp.kit.parts import bytes_per_atom
from deepmd_dp.nn.charge_spin import nets_of_types

if TYPE_CHECKING:
    from deepmd_dp.interface import Model


class ModelFacts(DeepEvalBackend):
    """The answers of a model of this library, whoever evaluates it."""

    _numpy_model: Model

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        return outputs_of_atoms(self._numpy_model)

    def get_model(self) -> Model:
        return self._numpy_model

    def eval_typeebd(self) -> Float[np.ndarray, "ntypes width"]:
        if not (nets := nets_of_types(self._numpy_model)):
            raise InputError("this model has no embedding of types.")
        return np.concatenate([np.asarray(net()) for net in nets], axis=1)

    def get_bytes_per_atom(self) -> int:
        model = self._numpy_model
        if not model.is_message_passing:
            return 0
        return round(bytes_per_atom(model, [sum(sel) for sel in model.capacities.values()]))

    def get_rcut(self) -> float:
        return self._numpy_model.rcut

    def get_type_map(self) -> list[str]:
        expansion = self._numpy_model.expansion
        return list(self._numpy_model.type_map)[: None if expansion is None else expansion.ntypes]

    def get_use_spin(self) -> list[bool]:
        expansion = self._numpy_model.expansion
        return list(expansion.use_spin) if isinstance(expansion, VirtualAtoms) else []

    def get_virtual_scale(self) -> dict[str, float]:
        expansion = self._numpy_model.expansion
        return expansion.scale_by_name(self.get_type_map()) if isinstance(expansion, VirtualAtoms) else {}

    def get_dim_fparam(self) -> int:
        return self._numpy_model.dim_fparam

    def get_dim_aparam(self) -> int:
        return 1 if self.takes_fragments() else self._numpy_model.dim_aparam

    def takes_mask(self) -> bool:
        return self._numpy_model.takes_mask

    def takes_fragments(self) -> bool:
        return isinstance(self._numpy_model.expansion, Fragments)

    def has_default_fparam(self) -> bool:
        return self._numpy_model.default_fparam is not None

    def has_chg_spin_ebd(self) -> bool:
        return takes_charge_spin(self._numpy_model)

    def has_default_chg_spin(self) -> bool:
        return default_charge_spin(self._numpy_model) is not None

    def get_sel_type(self) -> list[int]:
        return selected_types(self._numpy_model)
