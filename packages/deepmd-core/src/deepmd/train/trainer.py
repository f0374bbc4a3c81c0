# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the training loop asks of a backend: a step, an evaluation, and a state of named arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from deepmd.contract.document import check_document
from deepmd.contract.schema import STATE, check_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np

    from deepmd.aliases import Document, Section
    from deepmd.data.batch import Batch, DataRequirement


@dataclass
class TrainingState:
    """All that a training needs to go on, in any backend.

    Attributes
    ----------
    model : dict
        The contract's document of the model (see deepmd.contract).
    optimizer : dict[str, np.ndarray]
        The optimiser's arrays, named ``<slot>/<path of the parameter>``,
        e.g. ``exp_avg/descriptor.embeddings.networks.0.layers.1.w``; scalars are 0-d arrays.
    step : int
        Number of steps done.
    loop : dict
        Plain numbers, strings, lists and mappings: the loop's own state (generator states, best scores), and what the
        trainer needs to give the same numbers to the bit.
    """

    FORMAT: ClassVar[str] = "deepmd-core training state"
    """What a file says that holds one."""

    model: Document
    optimizer: dict[str, np.ndarray]
    step: int = 0
    loop: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_tree(cls, tree: Any, source: str) -> TrainingState:
        """The state of what a checkpoint holds: a mapping with its fields.

        Raises
        ------
        ModelFileError
            One is missing, or is no such thing; ``source`` names the file.
        """
        check_table(tree, STATE, source)
        return cls(check_document(tree["model"], source), tree["optimizer"], tree["step"], tree["loop"])


class Trainer(ABC):
    """One model being trained by one framework."""

    @classmethod
    @abstractmethod
    def from_input(
        cls,
        config: Section,
        frames: Callable[[list[DataRequirement]], Iterable[Batch]],
    ) -> Trainer:
        """A new model, its statistics and first weights, ready for step 0.

        Parameters
        ----------
        config : dict
            The normalised input: sections ``model``, ``loss``, ``optimizer``, ``learning_rate``, ``training``.
        frames : callable
            Of the labels that the statistics need. Each call streams the batches that they are made of, once.
        """

    @classmethod
    @abstractmethod
    def from_state(cls, config: Section, state: TrainingState) -> Trainer:
        """A trainer with a given model; the optimiser's arrays are taken where there are any.

        The loss, the optimiser and what is trained come from ``config``, the model from ``state`` only.
        """

    @abstractmethod
    def prepare(self, batch: Batch) -> Any:
        """Makes a batch ready for `step` and `evaluate`: neighbor lists, conversion to tensors.

        Called ahead of the step in another thread; touches no parameter.
        """

    @abstractmethod
    def step(self, prepared: Any, lr: float) -> dict[str, float]:
        """One optimiser step at the learning rate ``lr`` [1]; gives the metrics *before* the update.

        The metrics hold ``loss`` (the weighted sum minimised), ``rmse`` (its square root) and the loss's own
        entries such as ``rmse_e`` [eV/atom], ``rmse_f`` [eV/Å], ``rmse_v`` [eV/atom], in a fixed order.
        Where the loss is not finite nothing is updated.
        """

    @abstractmethod
    def evaluate(self, prepared: Any, lr: float) -> dict[str, float]:
        """The same metrics without an update."""

    @abstractmethod
    def state(self) -> TrainingState:
        """The present state; the loop fills in ``step``, and its part of ``loop`` beside what is there."""

    @classmethod
    @abstractmethod
    def write_checkpoint(cls, path: str, state: TrainingState) -> None:
        """Writes a checkpoint in the backend's own format; the loop gives a temporary name and renames."""

    @classmethod
    @abstractmethod
    def read_checkpoint(cls, path: str) -> TrainingState:
        """Reads what `write_checkpoint` wrote."""

    @property
    @abstractmethod
    def requirements(self) -> list[DataRequirement]:
        """The labels that the loss needs and the inputs that the model needs."""

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """For each term of the loss its labels: without one of them, in a system, the term is left out there."""
        return ()

    @property
    @abstractmethod
    def device(self) -> str:
        """Where the model runs, for people: ``cpu (2 threads)``, ``cuda:0 (H100)``."""
