# SPDX-License-Identifier: LGPL-3.0-or-later
"""Frozen models `.hlo` and `.xlo`: StableHLO of `jax.export`, the document and the metadata in one archive."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import jax

from deepmd.contract import document_to_bytes
from deepmd.errors import ModelFileError
from deepmd.files.reading import open_archive
from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.kit.metadata import write_metadata
from deepmd_dp.kit.operators import refuse_operators, unversioned
from deepmd_dp.kit.signature import Signature
from deepmd_dp.model import deserialize_model
from deepmd_dp.nn.matrix import with_matrices
from deepmd_jax.arrays import from_numpy, full_precision
from deepmd_jax.compiled import Compiled
from deepmd_jax.derivative import derivative
from deepmd_jax.frozen_parts import DOCUMENT, METADATA, OPERATORS, Checked, read_checked
from deepmd_jax.ops import plain_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deepmd_dp.interface import Model

_GRAPH = "graph.stablehlo"
CONSTRAINTS = ("nall >= nloc",)
"""What is true of the open sizes."""
PLATFORMS = ("cpu", "cuda")


def write(path: str, document: dict) -> None:
    """Freezes the model of a document."""
    model = deserialize_model(document["model"])
    parts = {_GRAPH: _export(model), DOCUMENT: document_to_bytes(document)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (*parts.items(), (METADATA, write_metadata(model, parts.items()))):
            archive.writestr(zipfile.ZipInfo(name), content)


def graph_of(model: Model) -> Callable[[dict[str, jax.Array]], dict[str, jax.Array]]:
    """The function that is frozen, from inputs to terms by name; the model's arrays are constants in it."""
    signature, constants = Signature.of(model), map_leaves(with_matrices(model), lambda _, array: from_numpy(array))

    @plain_operations()
    def graph(arrays: dict[str, jax.Array]) -> dict[str, jax.Array]:
        return signature.evaluate(constants, arrays, derivative)

    return graph


@contextmanager
def exporting() -> Iterator[None]:
    """In double precision, and without the folders of the source files: they tell where somebody has frozen a model."""
    setting = "jax_hlo_source_file_canonicalization_regex"
    before = getattr(jax.config, setting)
    jax.config.update(setting, r".*[/\\]")
    try:
        with full_precision():
            yield
    finally:
        jax.config.update(setting, before)


@exporting()
def _export(model: Model) -> bytes:
    scope = jax.export.SymbolicScope(CONSTRAINTS)
    inputs = {
        each.name: jax.ShapeDtypeStruct(jax.export.symbolic_shape(axes_text(each.axes), scope=scope), each.dtype)
        for each in Signature.of(model).inputs
    }
    return bytes(jax.export.export(jax.jit(graph_of(model)), platforms=PLATFORMS)(inputs).serialize())


def operators(module: bytes) -> set[str]:
    """The operators of a program, and what the calls of foreign code in it go to; to translate it takes far longer."""
    from jaxlib.mlir import ir

    found = set()

    def note(operation: ir.Operation) -> ir.WalkResult:
        found.add(operation.name)
        if "custom_call" in operation.name:
            found.add(str(operation.attributes["call_target_name"]))
        return ir.WalkResult.ADVANCE

    with jax.interpreters.mlir.make_ir_context() as context:
        ir.Module.parse(module, context).operation.walk(note)
    return set(map(unversioned, found))


def axes_text(axes: tuple[str | int, ...]) -> str:
    """Sizes as JAX writes them: ``nframes, nloc, 3``."""
    return ", ".join(map(str, axes))


def read(path: str) -> Checked:
    """A file, checked."""
    try:
        with open_archive(path, path) as archive:
            return read_checked(archive.namelist(), archive.read, path)
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read as a frozen model ({error}); the file is damaged.") from error


class Graph:
    """The graph of a frozen file, compiled for each set of sizes that it meets, and the document beside it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.document, parts = read(path)
        try:
            self._unchecked = jax.export.deserialize(bytearray(parts[_GRAPH]))
        # JAX's deserialiser raises whatever it stumbles over in bytes that it does not know
        except Exception as error:
            raise ModelFileError(
                f"{path}: JAX {jax.__version__} does not read its graph ({str(error) or type(error).__name__}); "
                "write the file again by `dp convert-backend`."
            ) from error
        self._call = Compiled(self._evaluate, static_argnames="wanted")

    @cached_property
    def _program(self) -> jax.export.Exported:
        """The graph, its operators known: a look that takes as long as all else of opening, a compilation seconds."""
        refuse_operators(operators(self._unchecked.mlir_module_serialized), OPERATORS, self._path)
        return self._unchecked

    def __call__(self, inputs: dict[str, jax.Array], wanted: tuple[str, ...]) -> dict[str, jax.Array]:
        """The terms of these names; inputs as `deepmd_dp.kit.signature.Signature` has them."""
        return self._call(inputs, wanted=wanted)

    def _evaluate(self, inputs: dict[str, jax.Array], *, wanted: tuple[str, ...]) -> dict[str, jax.Array]:
        terms = self._program.call(inputs)
        # what is not given is not computed either
        return {name: terms[name] for name in wanted}
