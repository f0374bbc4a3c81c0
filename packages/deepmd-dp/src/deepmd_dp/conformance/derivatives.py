# SPDX-License-Identifier: LGPL-3.0-or-later
"""NumPy's own forces and virials, which all others are compared with, against finite differences of its outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deepmd_dp.conformance.comparison import DOUBLE, assert_close
from deepmd_dp.conformance.evaluation import parameters_of
from deepmd_dp.conformance.frames import FRAMES
from deepmd_dp.conformance.parts import Part
from deepmd_dp.conformance.training import outputs_of

if TYPE_CHECKING:
    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.outputs import OutputDef
    from deepmd_dp.conformance.cases import Case
    from deepmd_dp.conformance.evaluation import Models

STEP = 2e-5
TOLERANCE = 1e-6  # of central differences with this step
PERIODIC = [name for name, frames in FRAMES.items() if frames.cells is not None]


class DerivativeTests(Part):
    """Forces and virials of each output of the models, those of `cases` in double precision that have any."""

    flag = "dp"

    def parameters(self) -> dict[str, list[Any]]:
        derived = [case for case in self.cases if any(output.has_derivative for output in outputs_of(case))]
        return super().parameters() | {"case": [case for case in derived if case.is_double]}

    @pytest.mark.parametrize("frames", FRAMES)
    def test_forces(self, models: Models, case: Case, frames: str) -> None:
        for output, force in _terms(models, case, frames, "force"):
            direction = np.random.default_rng(3).normal(size=(len(force), 1, *force.shape[2:]))
            slope = _slope(models.reference(case), output.name, frames, displacement=STEP * direction[:, 0])
            assert_close(slope, -np.sum(force * direction, axis=(2, 3)), TOLERANCE, f"{output.name}'s derivative")

    @pytest.mark.parametrize("frames", PERIODIC)
    def test_virial(self, models: Models, case: Case, frames: str) -> None:
        """virial[a, b] = -dX/d(strain[b, a]) of r -> r (1 + strain)."""
        strain = np.random.default_rng(4).normal(size=(3, 3))
        for output, virial in _terms(models, case, frames, "virial"):
            slope = _slope(models.reference(case), output.name, frames, strain=STEP * strain)
            expected = -np.einsum("fkab,ba->fk", virial.reshape(*virial.shape[:2], 3, 3), strain)
            assert_close(slope, expected, TOLERANCE, f"{output.name}'s derivative by strain")

    @pytest.mark.parametrize("frames", FRAMES)
    def test_sums(self, models: Models, case: Case, frames: str) -> None:
        """Values and virials of the atoms add up, and nothing pushes the whole."""
        results = models.expected(case, frames)
        for output, force in _terms(models, case, frames, "force"):
            atom, whole, atom_virial, virial = (
                results[output.term_name(kind)] for kind in ("atom", "sum", "atom_virial", "virial")
            )
            assert_close(atom.sum(axis=1), whole, DOUBLE, output.name)
            assert_close(atom_virial.sum(axis=-2), virial, DOUBLE, f"virial of {output.name}")
            assert_close(force.sum(axis=2), np.zeros((*force.shape[:2], 3)), DOUBLE, "sum of forces")

    def test_outputs_depend_on_surroundings(self, models: Models, case: Case) -> None:
        """Otherwise the comparisons above would compare zeros."""
        frames = "periodic and triclinic"
        for output, force in _terms(models, case, frames, "force"):
            assert np.abs(force).max() > 1e-4
            assert np.all(np.ptp(models.expected(case, frames)[output.name], axis=0) > 1e-4)


def _terms(models: Models, case: Case, frames: str, kind: str) -> list[tuple[OutputDef, np.ndarray]]:
    """The outputs that have derivatives, each with its term of a kind, which gets an axis of components."""
    outputs = [output for output in models.reference(case).outputs if output.has_derivative]
    assert outputs
    results = models.expected(case, frames)
    terms = [(output, results[output.term_name(kind)]) for output in outputs]
    return [(output, term[:, None] if output.is_scalar else term) for output, term in terms]


def _slope(
    model: DeepEvalBackend,
    name: str,
    frames: str,
    displacement: np.ndarray | float = 0.0,
    strain: np.ndarray | float = 0.0,
) -> np.ndarray:
    """The central difference of an output, (nframes, ncomponents), of frames deformed by a step and its opposite."""
    chosen = FRAMES[frames]
    parameters: dict[str, Any] = parameters_of(model, frames)

    def value(sign: float) -> np.ndarray:
        deformation = np.eye(3) + sign * strain
        cells = None if chosen.cells is None else chosen.cells @ deformation
        coords = chosen.coords @ deformation + sign * displacement
        return model.eval(coords, cells, chosen.atom_types, **parameters)[name]

    slope: np.ndarray = (value(1.0) - value(-1.0)) / (2 * STEP)
    return slope
