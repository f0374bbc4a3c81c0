# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the backends of this library's models share: a subclass is a table of names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from deepmd.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.aliases import Document
    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


class BaseBackend(Backend):
    """A framework that runs the models of this library.

    A subclass names it and its files, and says as ``module:name`` what else there is: so nothing is imported before
    it is asked for.
    """

    features = (
        Backend.Feature.ENTRY_POINT | Backend.Feature.DEEP_EVAL | Backend.Feature.NEIGHBOR_STAT | Backend.Feature.IO
    )
    trainer_class: ClassVar[str | None] = None
    """A subclass of `deepmd_dp.kit.trainer.BaseTrainer`; None where it does not train."""
    deep_eval_class: ClassVar[str]
    """A subclass of `deepmd_dp.kit.deep_eval.BaseDeepEval`."""
    reader: ClassVar[str]
    """Function of the path of any of its files to the document."""
    writer: ClassVar[str]
    """Function of the path of a model file and the document."""

    def prepare_import(self) -> None:
        """Sets what the framework reads of the environment while it is imported; what the user has set stays."""

    def import_framework(self) -> None:
        self.prepare_import()
        super().import_framework()

    @property
    def trainer(self) -> type[Trainer]:
        return super().trainer if self.trainer_class is None else self._import(self.trainer_class)

    @property
    def deep_eval(self) -> type[DeepEvalBackend]:
        found: type[DeepEvalBackend] = self._import(self.deep_eval_class)
        return found

    @property
    def neighbor_stat(self) -> Callable[..., Any]:
        search: Callable[..., Any] = _import("deepmd_dp.neighbor:neighbor_statistics")
        return search

    @property
    def compress_hook(self) -> Callable[..., Document]:
        make: Callable[..., Document] = _import("deepmd_dp.numpy_backend.compress:compress")
        return make

    @property
    def serialize_hook(self) -> Callable[[str], Document]:
        reader: Callable[[str], Document] = self._import(self.reader)
        return reader

    @property
    def deserialize_hook(self) -> Callable[[str, Document], None]:
        writer: Callable[[str, Document], None] = self._import(self.writer)
        return writer

    def _import(self, name: str) -> Any:
        """A thing from a module that imports the framework."""
        self.prepare_import()
        return _import(name)


def _import(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
