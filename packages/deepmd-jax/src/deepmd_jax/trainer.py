# SPDX-License-Identifier: LGPL-3.0-or-later
"""A training step in JAX, compiled once for each set of padded sizes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from deepmd_dp.dialect.module import map_leaves, with_leaves
from deepmd_dp.kit.trainer import BaseTrainer, Prepared
from deepmd_jax import arrays
from deepmd_jax.arrays import double_precision
from deepmd_jax.compile_cache import use_compile_cache
from deepmd_jax.derivative import energy_and_gradient
from deepmd_jax.optimizer import Optimizer, read_moments, value_and_gradient
from deepmd_jax.padding import pad_environment, pad_labels
from deepmd_jax.pytree import register_modules

if TYPE_CHECKING:
    import numpy as np

    from deepmd_dp.environment.environment import Environment

Arrays = dict[str, jax.Array]
Found = tuple[tuple[str, bool], ...]


class JaxTrainer(BaseTrainer):
    """Trains the leaves of a model as a dict of arrays."""

    backend_name = "JAX"

    @double_precision()
    def set_up(self, optimizer: dict[str, np.ndarray]) -> None:
        use_compile_cache()
        register_modules()
        training = self._config["training"]
        self._optimizer = Optimizer.from_input(
            self._config.get("optimizer", {}), training.get("gradient_max_norm", 0.0)
        )
        self._model = map_leaves(self._numpy_model, lambda _, array: arrays.from_numpy(array))
        self._parameters = {path: arrays.from_numpy(array) for path, array in self.trained_leaves().items()}
        self._states = self._optimizer.initial(self._parameters, optimizer)
        self._compiled_gradient = jax.jit(self._figures_and_gradient, static_argnames="found")
        self._compiled_figures = jax.jit(self._loss_and_figures, static_argnames="found")

    def arrange(self, env: Environment, labels: dict[str, np.ndarray]) -> tuple[Environment, dict[str, np.ndarray]]:
        padded = pad_environment(env, self._numpy_model)
        return padded, pad_labels(labels, padded.atype.shape[1])

    def from_numpy(self, array: np.ndarray) -> jax.Array:
        return arrays.from_numpy(array)

    def parameters(self) -> dict[str, np.ndarray]:
        return {path: arrays.to_numpy(parameter) for path, parameter in self._parameters.items()}

    def moments(self) -> dict[str, np.ndarray]:
        return read_moments(self._states)

    @double_precision()
    def step(self, prepared: Prepared, lr: float) -> dict[str, float]:
        arguments = self._arguments(prepared, lr)
        (loss, figures), gradients = self._compiled_gradient(*arguments, found=_static(prepared))
        self._parameters, self._states = self._optimizer.update(
            self._parameters, self._states, gradients, arguments[-1], loss
        )
        return _as_floats(figures)

    @double_precision()
    def evaluate(self, prepared: Prepared, lr: float) -> dict[str, float]:
        _, figures = self._compiled_figures(*self._arguments(prepared, lr), found=_static(prepared))
        return _as_floats(figures)

    def _arguments(self, prepared: Prepared, lr: float) -> tuple[Any, ...]:
        return self._parameters, self._model, prepared.env, prepared.labels, jnp.asarray(lr, jnp.float64)

    def _figures_and_gradient(
        self, parameters: Arrays, model: Any, env: Environment, labels: Arrays, lr: jax.Array, *, found: Found
    ) -> tuple[tuple[jax.Array, OrderedDict[str, jax.Array]], Arrays]:
        """The same as `_loss_and_figures`, and the gradient of the loss."""
        return value_and_gradient(
            lambda values: self._loss_and_figures(values, model, env, labels, lr, found=found), parameters
        )

    def _loss_and_figures(
        self, parameters: Arrays, model: Any, env: Environment, labels: Arrays, lr: jax.Array, *, found: Found
    ) -> tuple[jax.Array, OrderedDict[str, jax.Array]]:
        """The loss, and in their order all figures to show."""
        batch = Prepared(env, labels, dict(found))
        loss, metrics = self.loss_and_metrics(with_leaves(model, parameters), batch, lr, energy_and_gradient)
        return loss, OrderedDict({"loss": loss, "rmse": jnp.sqrt(loss), **metrics})

    @property
    def device(self) -> str:
        return arrays.device_name()


def _static(prepared: Prepared) -> Found:
    """Which labels there are, as a setting of the compiled program."""
    return tuple(sorted(prepared.found.items()))


def _as_floats(figures: OrderedDict[str, jax.Array]) -> dict[str, float]:
    return {name: float(value) for name, value in jax.device_get(figures).items()}
