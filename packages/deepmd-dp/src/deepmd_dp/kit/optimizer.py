# SPDX-License-Identifier: LGPL-3.0-or-later
"""Adam and AdamW in the Array API, for backends whose framework has no optimiser with these formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepmd.errors import InputError
from deepmd_dp.dialect.array_api import array_namespace

if TYPE_CHECKING:
    from deepmd_dp.dialect.module import Array

KINDS = ("Adam", "AdamW")
EPSILON = 1e-8


class Adam:
    """m ← b1 m + (1−b1) g, v ← b2 v + (1−b2) g², p ← p − lr m̂ / (√v̂ + ε), with m̂ = m/(1−b1ᵗ), v̂ = v/(1−b2ᵗ).

    The weight decay of ``Adam`` is added to the gradient, that of ``AdamW`` to the step.

    Parameters
    ----------
    config : dict
        The normalised input: section ``optimizer`` and ``training.gradient_max_norm``, the length [1] to which a
        longer gradient is cut; 0: never.
    moments : dict[str, Array]
        Arrays ``exp_avg/<path>``, ``exp_avg_sq/<path>`` and ``step/<path>`` to go on from; none: a new training.

    Raises
    ------
    InputError
        The optimiser is another one.

    References
    ----------
    Kingma & Ba, arXiv:1412.6980, algorithm 1; Loshchilov & Hutter, arXiv:1711.05101, algorithm 2.
    """

    def __init__(self, config: dict[str, Any], moments: dict[str, Array]) -> None:
        section = config.get("optimizer", {})
        kind = section.get("type", "Adam")
        if kind not in KINDS:
            raise InputError(f"optimizer.type {kind!r} is not supported; expected one of {', '.join(KINDS)}.")
        self._is_decoupled = kind == "AdamW"
        self._betas = section.get("adam_beta1", 0.9), section.get("adam_beta2", 0.999)
        self._decay = section.get("weight_decay", 0.0)
        self._max_norm = config["training"].get("gradient_max_norm", 0.0)
        self.moments = dict(moments)

    def update(self, parameters: dict[str, Array], gradients: dict[str, Array], lr: float) -> dict[str, Array]:
        """The parameters after a step at the learning rate `lr` [1], by path; those without a gradient stay."""
        scale = self._scale(gradients)
        return parameters | {path: self._step(path, parameters[path], scale * g, lr) for path, g in gradients.items()}

    def _scale(self, gradients: dict[str, Array]) -> float:
        """What cuts the gradient to its greatest length."""
        if self._max_norm <= 0.0:
            return 1.0
        squares = [float(array_namespace(g).sum(g * g)) for g in gradients.values()]
        return min(1.0, self._max_norm / (sum(squares) ** 0.5 + 1e-6))

    def _step(self, path: str, p: Array, g: Array, lr: float) -> Array:
        xp, (b1, b2) = array_namespace(p), self._betas
        if self._is_decoupled:
            p = p * (1.0 - lr * self._decay)
        elif self._decay:
            g = g + self._decay * p
        zeros = xp.zeros_like(p)
        m = b1 * self.moments.get(f"exp_avg/{path}", zeros) + (1.0 - b1) * g
        v = b2 * self.moments.get(f"exp_avg_sq/{path}", zeros) + (1.0 - b2) * g * g
        t = float(self.moments.get(f"step/{path}", 0.0)) + 1.0
        self.moments |= {f"exp_avg/{path}": m, f"exp_avg_sq/{path}": v, f"step/{path}": xp.asarray(t, dtype=p.dtype)}
        root = xp.sqrt(v * (1.0 / (1.0 - b2**t))) + EPSILON
        return p - (lr / (1.0 - b1**t)) * m / root
