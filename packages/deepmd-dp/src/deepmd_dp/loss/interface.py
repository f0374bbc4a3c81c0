# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is asked of a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from deepmd_dp.dialect.array import Array, Float

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.data.batch import DataRequirement
    from deepmd.outputs import OutputDef
    from deepmd_dp.loss.prefactor import Prefactor

Arrays = dict[str, Float[Array, "nframes ..."]]
"""By name, of frames or of their atoms."""
Numbers = dict[str, Float[Array, ""]]
"""By name."""


class Loss(Protocol):
    """From predictions and labels to the number that is minimised, and the metrics shown beside it."""

    @property
    def output(self) -> OutputDef:
        """The output that is compared; the mask is that of its atoms."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Names of the terms (`deepmd.outputs.TermDef`) that are looked at."""
        ...

    @property
    def requirements(self) -> list[DataRequirement]:
        """The labels to read; a term of the loss without its label is left out."""
        ...

    @property
    def label_sets(self) -> tuple[tuple[str, ...], ...]:
        """The labels of each term, `Term.labels`: some of the data must have all of one's."""
        ...

    def __call__(
        self, prediction: Arrays, label: Arrays, found: dict[str, bool], lr: float | Float[Array, ""]
    ) -> tuple[Float[Array, ""], Numbers]:
        """The loss, and the metrics in the order of deepmd-kit's `lcurve.out`.

        Parameters
        ----------
        prediction
            The terms in `needs`, and ``mask``, with one component, 1 for atoms that have the output, 0 for others, and
            ``deviation`` (nframes, ncomponents), what the biases leave of the output in the data; all of one
            floating-point type.
        label
            What `requirements` says, of the same type.
        found
            Whether the data has the label; else its term is left out and its metric is NaN.
        lr
            Present learning rate [1].
        """
        ...


class LossClass(Protocol):
    """The class in a loss's row: how one is made."""

    def from_input(self, section: dict[str, Any], start_lr: float, outputs: tuple[OutputDef, ...]) -> Loss:
        """That of the input's section, for a model of these outputs."""
        ...


class Term(NamedTuple):
    """A summand of a loss."""

    metric: str
    """Name of the metric shown."""
    prefactor: Prefactor
    labels: tuple[str, ...]
    """Without these it is left out."""
    value: Callable[[Arrays, Arrays], tuple[Float[Array, ""], Float[Array, ""]]]
    """Of prediction and label: the summand at prefactor 1, and the metric."""
