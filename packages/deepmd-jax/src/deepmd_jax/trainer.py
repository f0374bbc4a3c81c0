# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in JAX, compiled once for each set of padded sizes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from deepmd_dp.dialect.module import leaves, with_leaves
from deepmd_dp.kit.optimizer import Adam, Moments, read_moments, write_moments
from deepmd_dp.kit.padding import Padding, pad_atoms
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_jax import arrays
from deepmd_jax.arrays import full_precision
from deepmd_jax.compile_cache import use_compile_cache
from deepmd_jax.compiled import Compiled
from deepmd_jax.derivative import derivative
from deepmd_jax.device import device_name
from deepmd_jax.pytree import register_modules

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from deepmd_dp.environment.environment import Environment

Arrays = dict[str, jax.Array]
Found = tuple[tuple[str, bool], ...]
"""Which labels there are: a setting of the compiled programs, their last argument."""
Loss = tuple[jax.Array, Arrays]
"""Its value and the metrics."""


class JaxTrainer(BaseTrainer):
    """Trains the leaves of a model as a dict of arrays."""

    backend_name = breaks_on_fork = "JAX"

    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        use_compile_cache()
        register_modules()
        self._padding = Padding(self._numpy_model)
        self._adam = Adam.from_input(self._config)
        trained = self.trained_leaves()
        self._parameters = {path: arrays.from_numpy(array) for path, array in trained.items()}
        self._constants = {
            path: arrays.from_numpy(array) for path, array, is_trained in leaves(self._numpy_model) if not is_trained
        }
        self._moments = read_moments(optimizer, trained, arrays.from_numpy)
        self._compiled_update = jax.jit(self._update)
        self.rebuild()

    def rebuild(self) -> None:
        self._compiled_gradients = Compiled(partial(value_and_gradients, self._loss_of), static_argnums=5)
        self._compiled_metrics = Compiled(self._loss_of, static_argnums=5)

    def pad(self, env: Environment, labels: dict[str, np.ndarray]) -> tuple[Environment, dict[str, np.ndarray]]:
        padded = self._padding.pad(env)
        return padded, {name: pad_atoms(label, padded) for name, label in labels.items()}

    def from_numpy(self, array: np.ndarray) -> jax.Array:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter) for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return write_moments(self._moments, arrays.to_numpy)

    @full_precision()
    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        return super().step(prepared, lr)  # what is done to the gradients is done in float64 too

    @full_precision()
    def gradients(self, prepared: Prepared, lr: float) -> tuple[dict[str, float], Arrays]:
        (_, metrics), gradients = self._compiled_gradients(*self._arguments(prepared, lr))
        return _as_floats(metrics), gradients

    @full_precision()
    def apply(self, gradients: Arrays, lr: float) -> None:
        stepped = self._compiled_update(gradients, self._parameters, self._moments, jnp.asarray(lr, jnp.float64))
        self._parameters, self._moments = stepped

    @full_precision()
    def metrics(self, prepared: Prepared, lr: float) -> dict[str, float]:
        _, metrics = self._compiled_metrics(*self._arguments(prepared, lr))
        return _as_floats(metrics)

    def _arguments(self, batch: Prepared, lr: float) -> tuple[Any, ...]:
        found = tuple(sorted(batch.found.items()))
        return self._parameters, self._constants, batch.env, batch.labels, jnp.asarray(lr, jnp.float64), found

    def _loss_of(
        self, parameters: Arrays, constants: Arrays, env: Environment, labels: Arrays, lr: jax.Array, found: Found
    ) -> Loss:
        model = with_leaves(self._numpy_model, parameters | constants)
        loss, metrics = self.loss_and_metrics(model, Prepared(env, labels, dict(found)), lr, derivative)
        return loss, {"loss": loss, "rmse": jnp.sqrt(loss), **metrics}

    def _update(
        self, gradients: Arrays, parameters: Arrays, moments: dict[str, Moments], lr: jax.Array
    ) -> tuple[Arrays, dict[str, Moments]]:
        """Parameters and moments after a step: a program of its own, which the sizes of the batch do not enter."""
        new = {path: self._adam.step(parameters[path], g, moments[path], lr) for path, g in gradients.items()}
        stepped, met = ({path: each[k] for path, each in new.items()} for k in (0, 1))
        return parameters | stepped, moments | met

    @property
    def device(self) -> str:
        return device_name()


def value_and_gradients(function: Callable[..., Loss], parameters: Arrays, *arguments: Any) -> tuple[Loss, Arrays]:
    """What ``jax.value_and_grad(..., has_aux=True)`` gives, without the parameters that the value does not depend on.

    JAX has zeros for those, but an optimiser must not count a step for them, let alone decay them. That a gradient
    comes back is known while JAX traces.
    """
    reached = set()

    def watched(path: str, value: jax.Array) -> jax.Array:
        same = jax.custom_vjp(lambda x: x)
        same.defvjp(lambda x: (x, None), lambda _, gradient: (reached.add(path) or gradient,))
        return same(value)

    def watched_function(values: Arrays) -> Loss:
        return function({path: watched(path, each) for path, each in values.items()}, *arguments)

    value, gradients = jax.value_and_grad(watched_function, has_aux=True)(parameters)
    return value, {path: gradient for path, gradient in gradients.items() if path in reached}


def _as_floats(metrics: Arrays) -> dict[str, float]:
    return {name: float(value) for name, value in jax.device_get(metrics).items()}
