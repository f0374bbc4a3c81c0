# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a backend is: the one class that a backend's package registers by entry point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Flag, auto
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, ClassVar

from deepmd.backend import discovery
from deepmd.entrypoints import run
from deepmd.errors import BackendError, last_line

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from deepmd.aliases import Document
    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.train.trainer import Trainer


class Backend(ABC):
    """A deep-learning framework that runs the models.

    Instances are cheap: a subclass imports its framework inside the hooks only,
    so that listing the backends (`dp -h`, `dp backends`) stays fast. A backend is
    registered by an entry point of the group ``deepmd.backend`` whose name is the
    command-line flag (``pt`` for ``dp --pt``) and whose value is the class.
    """

    class Feature(Flag):
        """What a backend can do."""

        ENTRY_POINT = auto()
        """Sub-commands that act on a training: `dp train`, `dp freeze`."""
        DEEP_EVAL = auto()
        """Inference from its files."""
        NEIGHBOR_STAT = auto()
        """Neighbor statistics."""
        IO = auto()
        """Reading and writing the serialized model: `dp convert-backend`."""

    name: ClassVar[str]
    """Name shown to people, e.g. ``PyTorch``."""
    flags: ClassVar[tuple[str, ...]]
    """Names accepted by ``dp -b NAME`` and ``dp --NAME``, the shortest first: ``("pt", "pytorch")``."""
    distribution: ClassVar[str]
    """The wheel that holds it, e.g. ``deepmd-pt``."""
    framework: ClassVar[str]
    """The framework's distribution, e.g. ``torch``."""
    framework_variants: ClassVar[tuple[str, ...]] = ()
    """Other distributions of the same framework, e.g. ``tensorflow-cpu``."""
    framework_module: ClassVar[str | None] = None
    """The framework's import name where it differs from its distribution's, e.g. ``paddle``."""
    features: ClassVar[Feature] = Feature(0)
    suffixes: ClassVar[tuple[str, ...]] = ()
    """Endings of the model files it reads, the default of `dp freeze` first: ``(".pth", ".pt")``."""
    checkpoint_suffix: ClassVar[str | None] = None
    """Ending of its checkpoints, e.g. ``.pt``; None where it does not train."""
    companion_suffixes: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Endings of the further files that belong to a file: ``{".json": (".pdiparams",)}``. They differ in the ending
    only, and the hooks take each of the names for the whole."""
    limitations: ClassVar[dict[str, str]] = {}
    """What the framework can't do, and why; for the table of features in the README."""

    def framework_version(self) -> str | None:
        """Version of the installed framework, None where it is not installed."""
        return _installed_version(self.framework, *self.framework_variants)

    def reads(self, suffix: str) -> bool:
        """Whether files with this ending are this backend's."""
        own = {*self.suffixes, self.checkpoint_suffix}
        return suffix in own or any(suffix in others for others in self.companion_suffixes.values())

    def is_available(self) -> bool:
        """Whether the framework is installed (it is not imported)."""
        return self.framework_version() is not None

    def import_framework(self) -> None:
        """Imports the framework, so that a broken one is found before any work is done with it.

        Raises
        ------
        BackendError
            Where it is not installed, or its import fails; the message ends with the framework's own reason.
        """
        if not self.is_available():
            remedy = f"`pip install {self.framework}`"
            raise BackendError(f"{self.name} needs {self.framework}, which is not installed: {remedy}.")
        try:
            import_module(self.framework_module or self.framework)
        # a framework that does not fit its libraries fails with whatever its loader raises
        except Exception as error:
            raise BackendError(f"{self.framework} is installed but fails to import: {last_line(error)}") from error

    @property
    def entry_point_hook(self) -> Callable[[Namespace], None]:
        """Runs `dp train` and `dp freeze`, given their parsed arguments, where this backend was asked for."""
        return run

    @property
    def trainer(self) -> type[Trainer]:
        """The class that trains a model in this framework."""
        raise BackendError(f"{self.name} does not train; use another backend, e.g. `dp --pt train`.")

    @property
    @abstractmethod
    def deep_eval(self) -> type[DeepEvalBackend]:
        """The class that evaluates this backend's files."""

    @property
    @abstractmethod
    def neighbor_stat(self) -> Callable[..., Any]:
        """``neighbor_stat(coord, box, atype, rcut, ntypes) -> (nearest, max_nnei, max_total)`` of one frame.

        coord (nloc, 3) [Å]; box (3, 3) [Å] or None; nearest (ntypes, ntypes) [Å]; max_nnei (ntypes,).
        """

    @property
    def compress_hook(self) -> Callable[..., Document]:
        """``compress(document, smallest_distance, step, extrapolate, check_frequency)``: the document of a model whose
        embedding nets are tables in deepmd-kit's form, or the given one where none would be; see
        `deepmd.entrypoints.compress`.

        smallest_distance is a function that gives it [Å], called for a model that can be compressed.
        """
        raise BackendError(f"{self.name} does not compress models: `pip install deepmd-dp`.")

    @property
    @abstractmethod
    def serialize_hook(self) -> Callable[[str], Document]:
        """Reads one of its files: path to the contract's document (see deepmd.contract)."""

    @property
    @abstractmethod
    def deserialize_hook(self) -> Callable[[str, Document], None]:
        """Writes one of its model files: (path, document). The ending decides the format."""

    # the ecosystem's names for looking up backends; the work is in deepmd.backend.discovery

    @staticmethod
    def get_backend(key: str) -> type[Backend]:
        """The class of the installed backend with this flag."""
        return type(discovery.get_backend(key))

    @staticmethod
    def get_backends() -> dict[str, type[Backend]]:
        """All installed backends by flag."""
        return {key: type(backend) for key, backend in discovery.installed_backends().items()}

    @staticmethod
    def get_backends_by_feature(feature: Feature) -> dict[str, type[Backend]]:
        """The installed backends that have a feature, by flag."""
        return {k: cls for k, cls in Backend.get_backends().items() if feature in cls.features}

    @staticmethod
    def detect_backend_by_model(filename: str) -> type[Backend]:
        """The class of the backend that reads this file, found by its ending."""
        return type(discovery.backend_of_file(filename))


@cache
def _installed_version(*distributions: str) -> str | None:
    """Of the first of these that is installed; looked up once, for that takes as long as a tenth of opening a file."""
    for distribution in distributions:
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None
