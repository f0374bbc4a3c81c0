# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of a potential of spins: that of a potential, and the magnetic forces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd.outputs import OutputDef
from deepmd_dp.dialect.array import Array
from deepmd_dp.loss.ener import EnergyLoss
from deepmd_dp.loss.interface import Arrays, Term
from deepmd_dp.loss.prefactor import Prefactor

_OF_ENERGY = ("start_pref_e", "limit_pref_e", "start_pref_v", "limit_pref_v", "start_pref_ae", "limit_pref_ae")
_SHARED = ("enable_atom_ener_coeff", "loss_func", "intensive_ener_virial")
_WITHOUT = {
    **{f"{end}_pref_{term}": 0.0 for end in ("start", "limit") for term in ("pf", "gf", "h")},
    "numb_generalized_coord": 0,
    "use_huber": False,
    "huber_delta": 0.01,
    "f_use_norm": False,
    "use_default_pf": False,
    "relative_f": None,
}
"""What `EnergyLoss` has, and deepmd-kit's loss of spins has not."""


@dataclass(frozen=True, kw_only=True)
class EnergySpinLoss(EnergyLoss):
    r"""Loss `ener_spin`: that of `ener`, whose forces are called fr, and p_fm mean \|ΔF_mag\|².

    ΔF_mag [eV/μB] is the difference of magnetic forces, -dE/ds; the mean goes over all atoms of the batch with a type
    that has spins, and over components. With `loss_func` mae it is mean \|ΔF_mag\|. The metrics are those of `ener`,
    ``rmse_f`` being ``rmse_fr``, and ``rmse_fm`` [eV/μB]; with `loss_func` mae ``mae_e`` etc.

    Attributes
    ----------
    pref_fm : Prefactor

    References
    ----------
    The terms and their norms are those of deepmd-kit 3.2 with ``--pt``.
    """

    pref_fm: Prefactor = Prefactor()

    @classmethod
    def from_input(cls, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> EnergySpinLoss:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            The model takes no spins, or gives no energy.
        """
        of_energy = {name: section[name] for name in (*_OF_ENERGY, *_SHARED)}
        forces = {f"{end}_pref_f": section[f"{end}_pref_fr"] for end in ("start", "limit")}
        potential = super().from_input({**_WITHOUT, **of_energy, **forces}, start_lr, outputs)
        if not outputs[0].is_magnetic:
            raise InputError("loss/type is 'ener_spin', but the model takes no spins; add model/spin, or take 'ener'.")
        return replace(potential, pref_fm=Prefactor.of(section, "fm"))

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at; magnetic forces come with the forces."""
        return super().needs | ({"force"} if self.pref_fm.is_used else set())

    @property
    def requirements(self) -> list[DataRequirement]:
        """The labels to read; none must be there: a term without its label is left out."""
        magnetic = [DataRequirement("force_mag", 3, atomic=True)] if self.pref_fm.is_used else []
        return [*super().requirements, *magnetic]

    def terms(self) -> list[Term]:
        """The terms in use, in the alphabetical order of `lcurve.out`."""
        terms = [
            term._replace(metric=f"{term.metric}r") if term.metric.endswith("_f") else term for term in super().terms()
        ]
        if self.pref_fm.is_used:
            kind = "rmse" if self.loss_func == "mse" else "mae"
            terms.append(Term(f"{kind}_fm", self.pref_fm, ("force_mag",), self._magnetic_force))
        return sorted(terms, key=lambda term: term.metric)

    def _magnetic_force(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference, mask = label["force_mag"] - prediction["force_mag"], prediction["mask_mag"]
        return self._of_atoms(difference, difference, mask, self.huber_delta[1])
