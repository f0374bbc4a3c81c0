# SPDX-License-Identifier: LGPL-3.0-or-later
"""The loss of a potential: energy, force, virial, and further terms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from deepmd.data.batch import DataRequirement
from deepmd.errors import InputError
from deepmd.outputs import ENERGY, OutputDef
from deepmd_dp.dialect.array import Array, Float
from deepmd_dp.dialect.array_api import array_namespace, shape
from deepmd_dp.loss.interface import Arrays, Term
from deepmd_dp.loss.prefactor import Prefactor
from deepmd_dp.loss.reduction import huber, lengths, masked_mean, mean_of_pairs, projections
from deepmd_dp.loss.summation import SumOfTerms

Own = TypeVar("Own", bound="EnergyLoss")
HESSIAN = "hessian"
"""Name of the label and of the term, see `deepmd_dp.model.hessian`."""


@dataclass(frozen=True, kw_only=True)
class EnergyLoss(SumOfTerms):
    r"""Loss `ener`: Σ_t p_t L_t over the terms t, p_t = limit + (start - limit) lr / start_lr.

    With Δ the difference between label and prediction, N the frame's real atoms, and means over
    frames (or over all real atoms of the batch) and components:

    ====== ============================ ==========================================
    term   Δ                            L for `loss_func` mse; mae
    ====== ============================ ==========================================
    e      energy [eV]                  mean Δ²/N; mean \|Δ\|/N
    f      force [eV/Å]                 mean Δ²; mean \|Δ\|
    v      virial [eV]                  mean Δ²/N; mean \|Δ\|/N
    ae     atomic energy [eV]           mean Δ²; mean \|Δ\|
    pf     force [eV/Å]                 mean w Δ²; mean w \|Δ\|, w from atom_pref
    gf     Σ_i drdq_i force_i           mean Δ²; mean Δ²
    h      Hessian [eV/Å²]              mean Δ²; mean \|Δ\|
    ====== ============================ ==========================================

    The metrics are ``rmse_e`` [eV/atom], ``rmse_f`` [eV/Å], ``rmse_v`` [eV/atom], ``rmse_ae`` [eV], ``rmse_pf``
    [eV/Å], ``rmse_gf``, ``rmse_h`` [eV/Å²]; with `loss_func` mae ``mae_e`` etc., but always ``rmse_gf`` and ``rmse_h``.

    Attributes
    ----------
    start_lr : float
        Learning rate at which the prefactors have their first values [1].
    pref_e, pref_f, pref_v, pref_ae, pref_pf, pref_gf, pref_h : Prefactor
        A term counts where both ends differ from zero, that of the Hessian where one does, as in deepmd-kit.
    relative_f : float or None
        Divides Δ of f and pf by the length of the label's force plus this [eV/Å].
    enable_atom_ener_coeff : bool
        The energy is Σ_i c_i E_i with the label's coefficients.
    numb_generalized_coord : int
        Generalised coordinates q in drdq.
    use_huber : bool
        With mse, e and v become the mean of Huber's function of Δ/N, f and ae that of Δ.
    huber_delta : tuple of float
        Where Huber's function becomes linear: energy [eV], force [eV/Å], virial [eV].
    loss_func : str
        ``mse`` or ``mae``.
    f_use_norm : bool
        f takes the length of an atom's Δ instead of its components.
    use_default_pf : bool
        The weights of pf are 1 where there is no atom_pref.
    intensive_ener_virial : bool
        With mse, e and v are mean (Δ/N)².

    References
    ----------
    Wang et al., Comput. Phys. Commun. 228, 178 (2018) (arXiv:1712.03641), eq. 10;
    the terms and their norms are those of deepmd-kit 3.2.
    """

    pref_e: Prefactor = Prefactor()
    pref_f: Prefactor = Prefactor()
    pref_v: Prefactor = Prefactor()
    pref_ae: Prefactor = Prefactor()
    pref_pf: Prefactor = Prefactor()
    pref_gf: Prefactor = Prefactor()
    pref_h: Prefactor = Prefactor()
    relative_f: float | None = None
    enable_atom_ener_coeff: bool = False
    numb_generalized_coord: int = 0
    use_huber: bool = False
    huber_delta: tuple[float, float, float] = (0.01, 0.01, 0.01)
    loss_func: str = "mse"
    f_use_norm: bool = False
    use_default_pf: bool = False
    intensive_ener_virial: bool = False

    @classmethod
    def from_input(cls: type[Own], section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> Own:
        """The loss of the input's normalised section ``loss``.

        Raises
        ------
        InputError
            A term is not supported, settings contradict each other, or the model gives no energy.
        """
        if all(output.name != "energy" for output in outputs):
            kind = outputs[0].kind or outputs[0].name
            wanted = kind if kind in ("dos", "population", "property") else "tensor"
            given = ", ".join(output.name for output in outputs)
            raise InputError(f"loss/type is 'ener', but the model gives {given}; take {wanted!r}.")
        copied = (
            "enable_atom_ener_coeff numb_generalized_coord use_huber loss_func f_use_norm use_default_pf "
            "intensive_ener_virial"
        )
        settings: dict[str, Any] = {name: section[name] for name in copied.split()}
        for term in ("e", "f", "v", "ae", "pf", "gf", "h"):
            settings[f"pref_{term}"] = Prefactor.of(section, term)
        loss = cls(
            start_lr=start_lr,
            relative_f=section.get("relative_f"),
            huber_delta=_three_deltas(section["huber_delta"]),
            **settings,
        )
        loss._check()
        return loss

    def _check(self) -> None:
        """Raises InputError for what does not go together."""
        if self.loss_func not in ("mse", "mae"):
            raise InputError(f"loss_func is {self.loss_func!r}; expected 'mse' or 'mae'.")
        if self.pref_gf.is_used and self.numb_generalized_coord < 1:
            raise InputError(
                f"numb_generalized_coord is {self.numb_generalized_coord}; "
                "with start_pref_gf and limit_pref_gf it must be the number of generalised coordinates, 1 or more."
            )
        if self.f_use_norm and not (self.use_huber or self.loss_func == "mae"):
            raise InputError("f_use_norm needs use_huber or loss_func 'mae'; set one of them or remove it.")
        if self.use_huber and (self.pref_pf.is_used or self.pref_gf.is_used or self.relative_f is not None):
            raise InputError("use_huber does not go with relative_f and the prefactors pf and gf; remove it or them.")
        if self.use_huber and any(self.pref_h):
            raise InputError("use_huber does not go with start_pref_h and limit_pref_h; remove it or them.")

    @property
    def output(self) -> OutputDef:
        """The energy."""
        return ENERGY

    @property
    def _looks_at_force(self) -> bool:
        return self.pref_f.is_used or self.pref_pf.is_used or self.pref_gf.is_used

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms that are looked at: ``energy``, ``atom_energy``, ``force``, ``virial``, ``hessian``."""
        wanted = {
            "energy": self.pref_e.is_used and not self.enable_atom_ener_coeff,
            "atom_energy": self.pref_ae.is_used or self.enable_atom_ener_coeff,
            "force": self._looks_at_force,
            "virial": self.pref_v.is_used,
            HESSIAN: any(self.pref_h),
        }
        return frozenset(name for name, is_wanted in wanted.items() if is_wanted)

    @property
    def requirements(self) -> list[DataRequirement]:
        """The labels to read; none must be there: a term without its label is left out."""
        wanted = [
            (self.pref_e.is_used, DataRequirement("energy", 1, high_precision=True)),
            (self._looks_at_force or self.relative_f is not None, DataRequirement("force", 3, atomic=True)),
            (self.pref_v.is_used, DataRequirement("virial", 9)),
            (self.pref_ae.is_used, DataRequirement("atom_ener", 1, atomic=True)),
            (self.pref_pf.is_used, DataRequirement("atom_pref", 1, atomic=True, repeat=3, default=1.0)),
            (self.pref_gf.is_used, DataRequirement("drdq", 3 * self.numb_generalized_coord, atomic=True)),
            (any(self.pref_h), DataRequirement(HESSIAN, 9, atomic=True, of_pairs=True)),
            (self.enable_atom_ener_coeff, DataRequirement("atom_ener_coeff", 1, atomic=True, default=1.0)),
        ]
        return [requirement for is_wanted, requirement in wanted if is_wanted]

    def terms(self) -> list[Term]:
        """The terms in use, in the alphabetical order of `lcurve.out`."""
        kind = "rmse" if self.loss_func == "mse" else "mae"
        pf_labels = ("force",) if self.use_default_pf else ("force", "atom_pref")
        terms = [
            Term(f"{kind}_ae", self.pref_ae, ("atom_ener",), self._atom_energy),
            Term(f"{kind}_e", self.pref_e, ("energy",), self._energy),
            Term(f"{kind}_f", self.pref_f, ("force",), self._force),
            Term(f"{kind}_pf", self.pref_pf, pf_labels, self._weighted_force),
            Term("rmse_gf", self.pref_gf, ("force", "drdq"), self._generalized_force),
            Term(f"{kind}_v", self.pref_v, ("virial",), self._virial),
        ]
        used = [term for term in terms if term.prefactor.is_used]
        if any(self.pref_h):
            used.append(Term("rmse_h", self.pref_h, (HESSIAN,), self._hessian))
        return sorted(used, key=lambda term: term.metric)

    def _atom_energy(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = label["atom_ener"] - prediction["atom_energy"]
        return self._of_atoms(difference, difference, prediction["mask"], self.huber_delta[0])

    def _energy(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        energy = prediction["energy"]
        if self.enable_atom_ener_coeff:
            xp = array_namespace(energy)
            energy = xp.sum(label["atom_ener_coeff"] * prediction["atom_energy"], axis=1)
        return self._of_frames(label["energy"] - energy, prediction["mask"], self.huber_delta[0])

    def _force(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = self._force_difference(prediction, label)
        looked_at = lengths(difference) if self.f_use_norm else difference
        return self._of_atoms(looked_at, difference, prediction["mask"], self.huber_delta[1])

    def _weighted_force(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = self._force_difference(prediction, label)
        weights = label["atom_pref"]
        return self._of_atoms(difference, difference, prediction["mask"], self.huber_delta[1], weights)

    def _generalized_force(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        difference = projections((label["force"] - prediction["force"]) * prediction["mask"], label["drdq"])
        xp = array_namespace(difference)
        mean = xp.mean(difference * difference)
        return mean, xp.sqrt(mean)

    def _virial(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        return self._of_frames(label["virial"] - prediction["virial"], prediction["mask"], self.huber_delta[2])

    def _hessian(self, prediction: Arrays, label: Arrays) -> tuple[Array, Array]:
        predicted = prediction[HESSIAN]
        xp = array_namespace(predicted)
        natoms = predicted.shape[2] // 3  # without those that padding has added
        difference = xp.reshape(label[HESSIAN][:, :natoms, :], shape(predicted)) - predicted
        mask = prediction["mask"][:, :natoms, :]
        mask = xp.reshape(xp.concat([mask, mask, mask], axis=2), (-1, 3 * natoms))
        square = mean_of_pairs(difference * difference, mask)
        return mean_of_pairs(xp.abs(difference), mask) if self.loss_func == "mae" else square, xp.sqrt(square)

    def _force_difference(self, prediction: Arrays, label: Arrays) -> Array:
        difference = label["force"] - prediction["force"]
        return difference if self.relative_f is None else difference / (lengths(label["force"]) + self.relative_f)

    def _of_frames(
        self, difference: Float[Array, "nframes ncomponents"], mask: Float[Array, "nframes nloc 1"], delta: float
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Value and metric of a quantity of whole frames."""
        xp = array_namespace(difference)
        natoms = xp.sum(mask, axis=1)
        per_atom = difference / natoms
        if self.loss_func == "mae":
            mean = xp.mean(xp.abs(per_atom))
            return mean, mean
        square = xp.mean(per_atom * per_atom)
        if self.use_huber:
            return xp.mean(huber(per_atom, delta)), xp.sqrt(square)
        value = square if self.intensive_ener_virial else xp.mean(difference * per_atom)
        return value, xp.sqrt(square)

    def _of_atoms(
        self,
        looked_at: Float[Array, "nframes nloc _"],
        difference: Float[Array, "nframes nloc ncomponents"],
        mask: Float[Array, "nframes nloc 1"],
        delta: float,
        weights: float | Float[Array, "nframes nloc ncomponents"] = 1.0,
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Value, of what is looked at, and metric of a quantity of atoms."""
        xp = array_namespace(difference)
        if self.loss_func == "mae":
            mean = masked_mean(weights * xp.abs(looked_at), mask)
            return mean, mean
        square = masked_mean(weights * difference * difference, mask)
        return masked_mean(huber(looked_at, delta), mask) if self.use_huber else square, xp.sqrt(square)


def _three_deltas(value: float | list[float]) -> tuple[float, float, float]:
    """Huber's limits of energy, force, virial: one for all, or three."""
    if not isinstance(value, list | tuple):
        return (float(value),) * 3
    if len(value) != 3:
        raise InputError(f"huber_delta has {len(value)} values; expected one, or three for energy, force and virial.")
    return tuple(float(each) for each in value)  # type: ignore[return-value]
