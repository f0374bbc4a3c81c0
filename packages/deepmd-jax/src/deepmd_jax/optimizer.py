# SPDX-License-Identifier: LGPL-3.0-or-later
"""Optimisers of the input's section ``optimizer``, with their moments under the parameters' paths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from deepmd.errors import InputError
from deepmd_jax.arrays import from_numpy, to_numpy

if TYPE_CHECKING:
    from collections.abc import Callable

Arrays = dict[str, jax.Array]
States = dict[str, optax.ScaleByAdamState]

_KINDS = ("Adam", "AdamW")
_SLOTS = {"step": "count", "exp_avg": "mu", "exp_avg_sq": "nu"}
"""Names of the arrays in checkpoints, which are those of all backends, to optax's."""


@dataclass(frozen=True)
class Optimizer:
    """Adam or AdamW, each parameter with a state of its own, as PyTorch counts its steps.

    Attributes
    ----------
    kind : str
        ``Adam`` or ``AdamW``.
    beta1, beta2 : float
        How much of the moments a step keeps.
    decay : float
        Weight decay: of Adam in the gradient, of AdamW beside it.
    max_norm : float
        The gradient is scaled down to this norm; 0: it is not.
    """

    kind: str
    beta1: float
    beta2: float
    decay: float
    max_norm: float

    @classmethod
    def from_input(cls, section: dict[str, Any], max_norm: float) -> Optimizer:
        """That of the input's section ``optimizer``.

        Raises
        ------
        InputError
            The optimiser is not one that this backend offers.
        """
        kind = section.get("type", "Adam")
        if kind not in _KINDS:
            raise InputError(f"optimizer.type {kind!r} is not supported by --jax; expected one of {', '.join(_KINDS)}.")
        beta1, beta2 = section.get("adam_beta1", 0.9), section.get("adam_beta2", 0.999)
        return cls(kind, beta1, beta2, section.get("weight_decay", 0.0), max_norm)

    @property
    def _adam(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(self.beta1, self.beta2, eps=1e-8)

    def initial(self, parameters: Arrays, moments: dict[str, np.ndarray]) -> States:
        """New states, or those of arrays named ``<slot>/<path>``; those of other parameters are passed over."""
        return {path: self._initial(path, parameter, moments) for path, parameter in parameters.items()}

    def _initial(self, path: str, parameter: jax.Array, moments: dict[str, np.ndarray]) -> optax.ScaleByAdamState:
        new = {field: np.asarray(value) for field, value in self._adam.init(parameter)._asdict().items()}
        found = {
            field: np.asarray(moments[f"{slot}/{path}"], new[field].dtype)
            for slot, field in _SLOTS.items()
            if f"{slot}/{path}" in moments
        }
        # all on the device from the start: the step would be compiled again for arrays that JAX may place anywhere
        return optax.ScaleByAdamState(**{field: from_numpy(value) for field, value in (new | found).items()})

    @partial(jax.jit, static_argnums=0)
    def update(
        self, parameters: Arrays, states: States, gradients: Arrays, lr: jax.Array, loss: jax.Array
    ) -> tuple[Arrays, States]:
        """Parameters and states after a step; where the loss is not finite, or there is no gradient, they stay.

        A program of its own, which the sizes of the batch do not enter.
        """
        if self.max_norm > 0.0:
            scale = jnp.minimum(1.0, self.max_norm / (optax.tree.norm(gradients) + 1e-6))
            gradients = {path: (gradient * scale).astype(gradient.dtype) for path, gradient in gradients.items()}
        old = {path: (parameters[path], states[path]) for path in gradients}
        new = {path: self._update(*old[path], gradient, lr) for path, gradient in gradients.items()}
        is_finite = jnp.isfinite(loss)
        new = jax.tree.map(lambda after, before: jnp.where(is_finite, after, before), new, old)
        new_parameters, new_states = ({path: each[i] for path, each in new.items()} for i in (0, 1))
        return parameters | new_parameters, states | new_states

    def _update(
        self, parameter: jax.Array, state: optax.ScaleByAdamState, gradient: jax.Array, lr: jax.Array
    ) -> tuple[jax.Array, optax.ScaleByAdamState]:
        decay = self.decay * parameter
        if self.kind == "Adam":
            gradient = gradient + decay
        direction, state = self._adam.update(gradient, state)
        if self.kind == "AdamW":
            direction = direction + decay
        return (parameter - lr * direction).astype(parameter.dtype), state


def read_moments(states: States) -> dict[str, np.ndarray]:
    """The arrays of the states that have seen a gradient, named ``<slot>/<path>``."""
    return {
        f"{slot}/{path}": to_numpy(getattr(state, field))
        for path, state in states.items()
        if state.count > 0
        for slot, field in _SLOTS.items()
    }


def value_and_gradient(function: Callable[[Arrays], Any], parameters: Arrays) -> tuple[Any, Arrays]:
    """What ``jax.value_and_grad(..., has_aux=True)`` gives, without the parameters that the value does not depend on.

    JAX has zeros for those, but an optimiser must not count a step for them, let alone decay them.
    """
    reached: set[str] = set()

    def watched(values: Arrays) -> Any:
        return function({path: _watch(path, reached)(value) for path, value in values.items()})

    value, gradients = jax.value_and_grad(watched, has_aux=True)(parameters)
    return value, {path: gradient for path, gradient in gradients.items() if path in reached}


def _watch(path: str, reached: set[str]) -> Callable[[jax.Array], jax.Array]:
    """The identity, which notes that a gradient has come back to it: that is known while JAX traces."""

    @jax.custom_vjp
    def same(x: jax.Array) -> jax.Array:
        return x

    def backward(_: None, gradient: jax.Array) -> tuple[jax.Array]:
        reached.add(path)
        return (gradient,)

    same.defvjp(lambda x: (x, None), backward)
    return same
