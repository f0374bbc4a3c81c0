# SPDX-License-Identifier: LGPL-3.0-or-later
"""Evaluation of a model of this library, up to what each framework does in its own way."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from deepmd.charge_spin import CHARGE_SPIN
from deepmd.files.reading import reading
from deepmd.outputs import TermDef, all_terms
from deepmd_dp.dialect.array import Array, AtomParameters, Float, FrameParameters, Int, Shaped
from deepmd_dp.dialect.module import map_leaves
from deepmd_dp.environment.builder import all_neighbors, build_environment
from deepmd_dp.environment.charge_spin import with_charge_spin
from deepmd_dp.environment.expansion import Frames, seen_frames, terms_of_atoms
from deepmd_dp.environment.halos import parts_with_halos
from deepmd_dp.environment.parts import Part, environment_with_ghosts, frame_parts
from deepmd_dp.environment.sides import sides
from deepmd_dp.kit.common_sizes import round_up
from deepmd_dp.kit.free_memory import blocks_that_fit
from deepmd_dp.kit.memory import keep_memory
from deepmd_dp.kit.model_facts import ModelFacts
from deepmd_dp.kit.options import check_options
from deepmd_dp.kit.own_graph import cut, running
from deepmd_dp.kit.parts import CPU_BUDGET, GPU_BUDGET, SumOfParts, atoms_per_part
from deepmd_dp.kit.processes import refuse_after_fork
from deepmd_dp.kit.signature import with_file_inputs
from deepmd_dp.model import deserialize_model
from deepmd_dp.model.evaluate import Function, Outputs, Vectors, evaluate
from deepmd_dp.nn.matrix import with_matrices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deepmd.aliases import Document, Section
    from deepmd_dp.dialect.module import Tree
    from deepmd_dp.environment.environment import Environment
    from deepmd_dp.interface import Model

Parameters = dict[str, np.ndarray | None]
"""``fparam`` and ``aparam``."""


class BaseDeepEval(ModelFacts):
    """A model file evaluated by a framework, which a subclass tells how to run it.

    Frames of many atoms are evaluated in parts, so that the memory does not grow with them. Those of models that pass
    messages are evaluated whole where they fit into the memory, else in blocks with halos, else they are refused.
    Several threads may use one object.
    """

    breaks_on_fork: ClassVar[str | None] = None
    """The framework's name where it does not work in a copy of a process that has used it."""
    compiles_sizes: ClassVar[bool] = False
    """Whether the framework makes a program for each set of sizes: parts of frames have a few of them then."""
    one_at_a_time: ClassVar[AbstractContextManager[object]] = nullcontext()
    """A lock, where the framework does not work in several threads at once."""
    _graph: Any = None
    """A frozen file's own, where that is what computes."""

    def __init__(self, model_file: str, **kwargs: object) -> None:
        check_options(kwargs, model_file)
        batch_size = kwargs.get("auto_batch_size")
        if self.is_on_gpu and hasattr(batch_size, "may_grow"):
            # a GPU says when its memory is full; a CPU's kernel kills the process instead
            batch_size.may_grow = True
        keep_memory()
        self._path = model_file
        self._check_process()
        with reading(model_file):
            self._document = self.read_document(model_file)
            self._numpy_model = deserialize_model(self._document["model"])
        self._evaluated = 0  # atoms that have been evaluated at once

    def _check_process(self) -> None:
        if self.breaks_on_fork is not None:
            refuse_after_fork(self.breaks_on_fork)

    @abstractmethod
    def read_document(self, path: str) -> Document:
        """The contract's document of the file."""

    @abstractmethod
    def from_numpy(self, array: Shaped[np.ndarray, "*axes"]) -> Shaped[Array, "*axes"]:
        """The framework's array of these numbers, on the device used."""

    @abstractmethod
    def to_numpy(self, array: Shaped[Array, "*axes"]) -> Shaped[np.ndarray, "*axes"]:
        """The inverse of `from_numpy`."""

    @staticmethod
    def device_name() -> str:
        """The device used, for people; it begins with ``cpu`` where it is one."""
        return "cpu"

    @property
    def is_on_gpu(self) -> bool:
        """Whether a GPU evaluates: parts are larger there, and it says itself when its memory is full."""
        return not self.device_name().startswith("cpu")

    @abstractmethod
    def derivative(self, function: Function, edge_vec: Vectors) -> tuple[Outputs, list[Vectors]]:
        """The derivative of scalars by the displacements, see `deepmd_dp.model.evaluate.Derivative`."""

    def pad(self, env: Environment, parameters: Parameters) -> tuple[Environment, Parameters]:
        """An environment and the parameters, in NumPy, in the sizes that the framework wants: larger ones are cut."""
        return env, parameters

    def compute(
        self, env: Environment, fparam: FrameParameters, aparam: AtomParameters, *, atomic: bool, derivatives: bool
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """The terms of framework arrays; a frozen file's own graph takes the place of this.

        `env` has what files take in any case (`deepmd_dp.kit.signature.with_file_inputs`).
        """
        return self.terms_of(self._model, env, fparam, aparam, atomic=atomic, derivatives=derivatives)

    def terms_of(
        self,
        model: Model,
        env: Environment,
        fparam: FrameParameters,
        aparam: AtomParameters,
        *,
        atomic: bool,
        derivatives: bool,
    ) -> dict[str, Float[Array, "nframes ..."]]:
        """The same of a model whose leaves are framework arrays; runs eagerly or traced."""
        nall = None if env.mapping is None else env.mapping.shape[1]
        derivative = self.derivative if derivatives else None
        return evaluate(model, env, fparam, aparam, derivative, atomic=atomic, nall=nall)

    def eval(
        self,
        coords: Float[np.ndarray, "nframes natoms 3"],
        cells: Float[np.ndarray, "nframes 3 3"] | None,
        atom_types: Int[np.ndarray, "nframes natoms"],
        atomic: bool = False,
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes natoms naparam"] | None = None,
        derivatives: bool = True,
        **inputs: Float[np.ndarray, "nframes ..."] | None,
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        frames = Frames(coords, cells, atom_types, {"aparam": aparam, **inputs})
        seen, terms = seen_frames(self._numpy_model, frames), self._terms(atomic=atomic, derivatives=derivatives)
        return terms_of_atoms(self._numpy_model, frames, self.evaluate_frames(seen, fparam, terms))

    def evaluate_frames(
        self, frames: Frames, fparam: Float[np.ndarray, "nframes nfparam"] | None, terms: tuple[TermDef, ...]
    ) -> dict[str, Float[np.ndarray, "nframes ..."]]:
        """The terms of frames as the model sees them."""
        if frames.mapping is not None:
            lists = frames.coord, frames.atype, frames.mapping, frames.nloc
            env = environment_with_ghosts(self._numpy_model, *lists)
            env = with_charge_spin(env, frames.inputs.get(CHARGE_SPIN))
            return self._evaluate(env, fparam, frames.inputs["aparam"], terms)
        total = SumOfParts(self._numpy_model, terms, frames.atype)
        for part in self._parts(frames):
            total.add(part, self._evaluate(part.env, fparam, part.rows_of(frames.inputs["aparam"]), terms))
        return total.results()

    def eval_with_ghosts(
        self,
        coords: Float[np.ndarray, "nframes nall 3"],
        atom_types: Int[np.ndarray, "nframes nall"],
        mapping: Int[np.ndarray, "nframes nall"],
        nloc: int,
        atomic: bool = False,
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes nloc naparam"] | None = None,
        **inputs: Float[np.ndarray, "nframes ..."] | None,
    ) -> dict[str, Float[np.ndarray, "nframes ..."]] | None:
        if self._numpy_model.expansion is not None:
            return None
        frames = Frames(coords, None, atom_types, {"aparam": aparam, **inputs}, mapping=mapping, nloc=nloc)
        return self.evaluate_frames(frames, fparam, self._terms(atomic=atomic, derivatives=True))

    def eval_descriptor(
        self,
        coords: Float[np.ndarray, "nframes natoms 3"],
        cells: Float[np.ndarray, "nframes 3 3"] | None,
        atom_types: Int[np.ndarray, "nframes natoms"],
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes natoms naparam"] | None = None,
        **inputs: Float[np.ndarray, "nframes ..."] | None,
    ) -> Float[np.ndarray, "nframes natoms dim"]:
        del fparam

        def describe(env: Environment, aparam: np.ndarray | None) -> np.ndarray:
            if aparam is not None and self.takes_mask():  # which is no input of a graph by itself
                return np.asarray(self._numpy_model.describe(replace(env, kept=aparam[..., 0])))
            env, _ = self.pad(with_file_inputs(env, self._numpy_model), {})
            return self.to_numpy(self.describe(self._to_framework(env)))

        return self._of_own_atoms(describe, Frames(coords, cells, atom_types, {"aparam": aparam, **inputs}))

    def eval_fitting_last_layer(
        self,
        coords: Float[np.ndarray, "nframes natoms 3"],
        cells: Float[np.ndarray, "nframes 3 3"] | None,
        atom_types: Int[np.ndarray, "nframes natoms"],
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes natoms naparam"] | None = None,
        **inputs: Float[np.ndarray, "nframes ..."] | None,
    ) -> Float[np.ndarray, "nframes natoms width"]:
        # in NumPy, since a frozen graph gives nothing from inside
        def features(env: Environment, aparam: np.ndarray | None) -> np.ndarray:
            return np.asarray(self._numpy_model.features(env, fparam, aparam))

        return self._of_own_atoms(features, Frames(coords, cells, atom_types, {"aparam": aparam, **inputs}))

    def eval_hessian(
        self,
        coords: Float[np.ndarray, "nframes natoms 3"],
        cells: Float[np.ndarray, "nframes 3 3"] | None,
        atom_types: Int[np.ndarray, "nframes natoms"],
        fparam: Float[np.ndarray, "nframes nfparam"] | None = None,
        aparam: Float[np.ndarray, "nframes natoms naparam"] | None = None,
        **inputs: Float[np.ndarray, "nframes ..."] | None,
    ) -> Float[np.ndarray, "nframes ncomponents ncomponents"]:
        from deepmd_dp.numpy_backend.hessian import hessian

        return hessian(self._numpy_model, Frames(coords, cells, atom_types, {"aparam": aparam, **inputs}), fparam)

    def _of_own_atoms(
        self, function: Callable[[Environment, np.ndarray | None], np.ndarray], frames: Frames
    ) -> Float[np.ndarray, "nframes natoms width"]:
        """What a function of a part's surroundings and atomic parameters gives for its atoms, in the frames' order."""
        nframes, natoms = frames.atype.shape
        seen = seen_frames(self._numpy_model, frames)
        found, places = [], []
        self._check_process()
        for part in self._parts(seen):
            with self.one_at_a_time:
                values = function(part.env, part.rows_of(seen.inputs["aparam"]))
            found.append(values[:nframes, : part.nown])
            places.append(part.order[: part.nown])
        # the virtual atoms that fill the last part up have the highest numbers
        order = np.argsort(np.concatenate(places))[:natoms]
        return np.concatenate(found, axis=1)[:, order]

    def describe(self, env: Environment) -> Float[Array, "nframes nloc dim"]:
        """The descriptor of the local atoms, in framework arrays."""
        return self._model.describe(env)

    def _terms(self, *, atomic: bool, derivatives: bool) -> tuple[TermDef, ...]:
        kinds = {"sum", "atom"} if not derivatives else None
        outputs = self._numpy_model.outputs
        return tuple(term for term in all_terms(outputs, atomic=atomic) if kinds is None or term.kind in kinds)

    def _parts(self, seen: Frames) -> Iterator[Part]:
        """The atoms in one part or in several, with what is given of their frames."""
        for part in self._parts_of_atoms(seen):
            yield part._replace(env=with_charge_spin(part.env, seen.inputs.get(CHARGE_SPIN)))

    def _parts_of_atoms(self, seen: Frames) -> Iterator[Part]:
        coords, cells, atom_types = seen.coord, seen.box, seen.atype
        model, natoms = self._numpy_model, atom_types.shape[1]
        frames = all_neighbors(model, coords, cells, atom_types, seen.group)
        if not model.is_message_passing:
            size = atoms_per_part(model, frames, natoms, GPU_BUDGET if self.is_on_gpu else CPU_BUDGET)
            size = round_up(size, steps=4, least=1) if self.compiles_sizes else size
            if size < natoms:
                yield from frame_parts(model, coords, cells, atom_types, frames, size)
                return
        elif atom_types.size > self._evaluated and not self.is_on_gpu:
            blocks = blocks_that_fit(model, coords, cells, frames)
            if blocks:
                yield from parts_with_halos(model, coords, cells, atom_types, frames[0], blocks)
                return
        yield Part.whole(build_environment(model, coords, cells, atom_types, frames))
        self._evaluated = max(self._evaluated, atom_types.size)  # there is memory for so many

    def _evaluate(
        self, env: Environment, fparam: np.ndarray | None, aparam: np.ndarray | None, terms: tuple[TermDef, ...]
    ) -> dict[str, np.ndarray]:
        """The terms of an environment in NumPy, the mean over its sides."""
        first, *others = (self._evaluate_side(side, fparam, aparam, terms) for side in sides(env, self._numpy_model))
        if not others:
            return first
        found = [first, *others]
        return {term.name: np.mean([each[term.name] for each in found], axis=0) for term in terms}

    def _evaluate_side(
        self, env: Environment, fparam: np.ndarray | None, aparam: np.ndarray | None, terms: tuple[TermDef, ...]
    ) -> dict[str, np.ndarray]:
        env = with_file_inputs(env, self._numpy_model)
        assert env.mapping is not None, "with_file_inputs puts it there"
        sizes = {"nframes": env.atype.shape[0], "nloc": env.atype.shape[1], "nall": env.mapping.shape[1]}
        padded, parameters = self.pad(env, {"fparam": fparam, "aparam": aparam})
        kinds = {term.kind for term in terms}
        self._check_process()
        with self.one_at_a_time, running(None if self._graph is None else self._path):
            found = self.compute(
                self._to_framework(padded),
                self._optional(parameters["fparam"]),
                self._optional(parameters["aparam"]),
                atomic="atom" in kinds,
                derivatives="force" in kinds,
            )
            return {term.name: cut(self.to_numpy(found[term.name]), term, sizes) for term in terms}

    @cached_property
    def _model(self) -> Model:
        return self._to_framework(with_matrices(self._numpy_model))

    def _to_framework(self, tree: Tree) -> Tree:
        return map_leaves(tree, lambda _, array: self.from_numpy(np.asarray(array)))

    def _optional(self, array: np.ndarray | None) -> Array | None:
        return None if array is None else self.from_numpy(np.asarray(array, dtype=np.float64))

    def get_model_def_script(self) -> Section:
        section: Section = self._document.get("model_def_script", {})
        return section

    def serialize(self) -> Document:
        return self._document

    def close(self) -> None:
        """Frees the model at once; the object is of no use afterwards."""
        self.__dict__.clear()
