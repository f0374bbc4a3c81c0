# SPDX-License-Identifier: LGPL-3.0-or-later
"""A model file opened for evaluation, whatever its backend: what all kinds of models have in common."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from deepmd.backend.model_files import open_model
from deepmd.errors import InputError
from deepmd.infer.batch_size import AutoBatchSize
from deepmd.infer.finite import check_results
from deepmd.infer.frames import read_frames

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import ArrayLike

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.outputs import OutputDef

DTYPES = {"fp32": np.float32, "fp64": np.float64}


class DeepEval:
    """A model opened for evaluation; `DeepEval` itself gives an object of the class that fits the model.

    Parameters
    ----------
    model_file : str or Path
        The model; its ending picks the backend.
    auto_batch_size : bool, int or AutoBatchSize
        Frames are evaluated in parts that fit into the memory. int: number of atoms in the first part;
        False: all at once.
    neighbor_list : object, optional
        Neighbor list of ASE's kind, for backends that take one; None: the backend's own.
    head : str, optional
        Branch of a multi-task model.
    **kwargs
        Handed to the backend.

    Attributes
    ----------
    deep_eval : DeepEvalBackend
        The backend's side.

    Raises
    ------
    ModelFileError
        There is no such file, or it cannot be read.
    BackendError
        The backend of such files is not installed.
    InputError
        The model is of another kind than the class.

    Examples
    --------
    >>> from deepmd.infer import DeepEval
    >>> DeepEval("model.pth").get_type_map()
    ['O', 'H']
    """

    deep_eval: DeepEvalBackend
    model_file: str
    _batch_size: AutoBatchSize
    _options: dict[str, Any]
    _classes: ClassVar[dict[str, type[DeepEval]]] = {}
    _model_type: ClassVar[str | None] = None

    def __init_subclass__(cls, model_type: str | None = None) -> None:
        if model_type:
            cls._model_type = model_type
            DeepEval._classes[model_type] = cls

    # the file is read before the class is known, hence __new__
    def __new__(
        cls,
        model_file: str | os.PathLike[str],
        *,
        auto_batch_size: bool | int | AutoBatchSize = True,
        neighbor_list: Any = None,
        head: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """An object of the class that fits the model in the file."""
        batch_size = AutoBatchSize.of(auto_batch_size)
        options = {"neighbor_list": neighbor_list, "head": head, **kwargs}
        deep_eval = open_model(model_file, auto_batch_size=batch_size, **options)
        self = super().__new__(cast("type[Self]", cls._class_of(deep_eval, model_file)))
        self.model_file = os.fspath(model_file)
        self.deep_eval = deep_eval
        self._batch_size = batch_size
        self._options = {"auto_batch_size": auto_batch_size, **options}
        return self

    @classmethod
    def _class_of(cls, deep_eval: DeepEvalBackend, model_file: str | os.PathLike[str]) -> type[DeepEval]:
        """The class for a model: this one, or one below it; of an output without a class, `DeepEval`."""
        found = DeepEval._classes.get(deep_eval.model_type, DeepEval)
        if issubclass(cls, found) and (found is not DeepEval or cls is DeepEval):
            return cls
        if found is DeepEval or not issubclass(found, cls):
            wanted = f", not of {cls._model_type!r}" if cls._model_type else ""
            kind = deep_eval.model_type
            raise InputError(f"{model_file} is a model of {kind!r}{wanted}: open it by {found.__name__}.")
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies, also those for other processes, open the file again."""
        return _open_again, (type(self), self.model_file, self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model; it cannot be evaluated afterwards."""
        self.deep_eval.close()

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What the model gives."""
        return self.deep_eval.outputs

    def eval_terms(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        atomic: bool = False,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        derivatives: bool = True,
        **kwargs: Any,
    ) -> dict[str, np.ndarray]:
        """All that the model gives, by name, whatever its outputs.

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type
            See `deepmd.infer.frames.read_frames`.
        atomic : bool
            Whether the values and the virials of the atoms are given.
        derivatives : bool
            Whether forces and virials are given.
        **kwargs
            Inputs of other kinds of models (``spin``, ``efield``, ...): None.

        Returns
        -------
        dict[str, np.ndarray]
            float64, named and shaped as `deepmd.outputs.OutputDef.terms` says, all atoms being local;
            zeros where there are no atoms.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        ResultError
            A result is not finite, for instance since two atoms are at the same place.
        """
        frames = read_frames(self.deep_eval, coords, cells, atom_types, fparam, aparam, mixed_type)
        refuse_unknown(kwargs)

        def evaluate(**part: Any) -> dict[str, np.ndarray]:
            return self.deep_eval.eval(**part, atomic=atomic, derivatives=derivatives)

        nframes, natoms = np.shape(cast("np.ndarray", frames["atom_types"]))
        sizes: dict[str | int, int] = {"nframes": nframes, "nloc": natoms, "nall": natoms}
        terms = [term for output in self.outputs for term in output.terms(atomic=atomic, derivatives=derivatives)]
        shapes = {term.name: [int(sizes.get(axis, axis)) for axis in term.axes] for term in terms}
        if natoms == 0:
            return {name: np.zeros(shape) for name, shape in shapes.items()}
        results = self._batch_size.evaluate(evaluate, frames)
        values = {name: np.asarray(results[name], dtype=np.float64).reshape(shape) for name, shape in shapes.items()}
        check_results(values, frames)
        return values

    def eval_descriptor(
        self,
        coords: ArrayLike,
        cells: ArrayLike | None,
        atom_types: ArrayLike,
        fparam: ArrayLike | None = None,
        aparam: ArrayLike | None = None,
        mixed_type: bool = False,
        dtype: str = "native",
        **kwargs: Any,
    ) -> np.ndarray:
        """The descriptor of each atom, (nframes, natoms, dim_descrpt).

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type
            See `deepmd.infer.frames.read_frames`.
        dtype : {"native", "fp32", "fp64"}
            Precision of the result; ``native`` is what the backend gives.

        Raises
        ------
        InputError
            Something has the wrong size, is missing, is not finite, or names an unknown type.
        ResultError
            A descriptor is not finite.
        """
        if dtype != "native" and dtype not in DTYPES:
            raise InputError(f"dtype is {dtype!r}, expected one of native, {', '.join(DTYPES)}.")
        if np.size(atom_types) == 0:
            raise InputError("atom_types is empty: there are no atoms to describe.")
        frames = read_frames(self.deep_eval, coords, cells, atom_types, fparam, aparam, mixed_type)
        refuse_unknown(kwargs)

        def evaluate(**part: Any) -> dict[str, np.ndarray]:
            return {"descriptor": self.deep_eval.eval_descriptor(**part)}

        descriptor = self._batch_size.evaluate(evaluate, frames)["descriptor"]
        is_real = (cast("np.ndarray", frames["atom_types"]) >= 0)[..., None]
        check_results({"descriptor": np.where(is_real, descriptor, 0.0)}, frames)
        return descriptor if dtype == "native" else descriptor.astype(DTYPES[dtype])

    def get_rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self.deep_eval.get_rcut()

    def get_ntypes(self) -> int:
        """Number of types."""
        return self.deep_eval.get_ntypes()

    def get_type_map(self) -> list[str]:
        """Names of the types."""
        return self.deep_eval.get_type_map()

    def get_sel_type(self) -> list[int]:
        """Types whose atoms have an output."""
        return self.deep_eval.get_sel_type()

    def get_dim_fparam(self) -> int:
        """Numbers of ``fparam`` for each frame."""
        return self.deep_eval.get_dim_fparam()

    def get_dim_aparam(self) -> int:
        """Numbers of ``aparam`` for each atom."""
        return self.deep_eval.get_dim_aparam()

    def has_default_fparam(self) -> bool:
        """Whether ``fparam`` may be left out although the model takes it."""
        return self.deep_eval.has_default_fparam()

    def get_ntypes_spin(self) -> int:
        """Number of types with spin, in deepmd-kit's old way of counting."""
        return self.deep_eval.get_ntypes_spin()

    def get_has_spin(self) -> bool:
        """Whether the model takes spins."""
        return self.deep_eval.get_has_spin()

    @property
    def has_spin(self) -> bool:
        """Whether the model takes spins."""
        return self.get_has_spin()

    @property
    def use_spin(self) -> list[bool]:
        """Whether each type has a spin; empty where the model takes no spins: none does."""
        return []

    @property
    def has_efield(self) -> bool:
        """Whether the model takes an electric field: none does."""
        return False

    @property
    def has_hessian(self) -> bool:
        """Whether `eval` gives a Hessian too: no model does."""
        return False

    def has_chg_spin_ebd(self) -> bool:
        """Whether the model takes the total charge and spin: none does."""
        return False

    def has_default_chg_spin(self) -> bool:
        """Whether charge and spin may be left out although the model takes them."""
        return False

    def get_model_def_script(self) -> dict[str, Any]:
        """The model section that the model was built from, as far as the file knows it."""
        return self.deep_eval.get_model_def_script()

    def get_model_size(self) -> dict[str, int]:
        """Number of parameters of ``descriptor``, ``fitting-net`` and ``total``."""
        return self.deep_eval.get_model_size()

    def get_observed_types(self) -> dict[str, Any]:
        """The types met in the training data: ``type_num`` and ``observed_type``."""
        return self.deep_eval.get_observed_types()

    def serialize(self) -> dict[str, Any]:
        """The contract's tree of the model (see deepmd.contract), without the document around it."""
        model: dict[str, Any] = self.deep_eval.serialize()["model"]
        return model


def refuse_unknown(arguments: dict[str, Any]) -> None:
    """Raises InputError for an argument of `eval` that would have no effect; scripts give None for "not used"."""
    unused = [name for name, value in arguments.items() if value is not None]
    if unused:
        raise InputError(f"this model does not take {', '.join(unused)}.")


def _open_again(cls: type[DeepEval], model_file: str, options: dict[str, Any]) -> DeepEval:
    return cls(model_file, **options)
