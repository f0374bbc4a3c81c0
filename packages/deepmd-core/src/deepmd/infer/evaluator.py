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
    from collections.abc import Callable
    from typing import Self

    from numpy.typing import ArrayLike

    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.kit_names.deep_eval import KitDeepEval
    from deepmd.outputs import OutputDef

DTYPES = {"fp32": np.float32, "fp64": np.float64}


class DeepEval:
    """A model opened for evaluation; `DeepEval` itself gives an object of the class that fits the model.

    Parameters
    ----------
    model_file : str or Path
        The model; its ending picks the backend.
    *args
        What older scripts give here has no effect.
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
    backend : DeepEvalBackend
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

    backend: DeepEvalBackend
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
        *args: object,
        auto_batch_size: bool | int | AutoBatchSize = True,
        neighbor_list: Any = None,
        head: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """An object of the class that fits the model in the file."""
        batch_size = AutoBatchSize.of(auto_batch_size)
        options = {"neighbor_list": neighbor_list, "head": head, **kwargs}
        opened = open_model(model_file, auto_batch_size=batch_size, **options)
        self = super().__new__(cast("type[Self]", cls._class_of(opened, model_file)))
        self.model_file = os.fspath(model_file)
        self.backend = opened
        self._batch_size = batch_size
        self._options = {"auto_batch_size": auto_batch_size, **options}
        return self

    def __init__(
        self,
        model_file: str | os.PathLike[str],
        *args: object,
        auto_batch_size: bool | int | AutoBatchSize = True,
        neighbor_list: Any = None,
        head: str | None = None,
        **kwargs: Any,
    ) -> None:
        """All is done in `__new__`; programs ask this for its parameters."""

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
        self.backend.close()

    @property
    def outputs(self) -> tuple[OutputDef, ...]:
        """What the model gives."""
        return self.backend.outputs

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
            ``spin`` (nframes, natoms, 3) [μB] of a model of spins; ``charge_spin`` (nframes, 2) or (2,), charge and
            spin of each frame, of a model that takes them; inputs of other kinds (``efield``, ...): None.

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
        others = {name: kwargs.pop(name, None) for name in ("spin", "charge_spin")}
        frames = read_frames(self.backend, coords, cells, atom_types, fparam, aparam, mixed_type, **others)
        refuse_unknown(kwargs)

        def evaluate(**part: Any) -> dict[str, np.ndarray]:
            return self.backend.eval(**part, atomic=atomic, derivatives=derivatives)

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
        frames = (coords, cells, atom_types, fparam, aparam, mixed_type)
        return self._eval_features(self.backend.eval_descriptor, frames, dtype, kwargs)

    def eval_fitting_last_layer(
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
        """What the last layer of the fitting net takes, of each atom: (nframes, natoms, width).

        Parameters
        ----------
        coords, cells, atom_types, fparam, aparam, mixed_type, dtype
            As for `eval_descriptor`.

        Raises
        ------
        InputError, ResultError
            As in `eval_descriptor`; or the model has no such net.
        """
        frames = (coords, cells, atom_types, fparam, aparam, mixed_type)
        return self._eval_features(self.backend.eval_fitting_last_layer, frames, dtype, kwargs)

    def _eval_features(
        self, function: Callable[..., np.ndarray], given: tuple[Any, ...], dtype: str, kwargs: dict[str, Any]
    ) -> np.ndarray:
        """Numbers of each atom, (nframes, natoms, width), by a method of the backend's side."""
        if dtype != "native" and dtype not in DTYPES:
            raise InputError(f"dtype is {dtype!r}, expected one of native, {', '.join(DTYPES)}.")
        if np.size(given[2]) == 0:
            raise InputError("atom_types is empty: there are no atoms to describe.")
        others = {name: kwargs.pop(name, None) for name in ("spin", "charge_spin")}
        frames = read_frames(self.backend, *given, **others)
        refuse_unknown(kwargs)

        def evaluate(**part: Any) -> dict[str, np.ndarray]:
            return {"features": function(**part)}

        features = self._batch_size.evaluate(evaluate, frames)["features"]
        is_real = (cast("np.ndarray", frames["atom_types"]) >= 0)[..., None]
        check_results({"descriptor": np.where(is_real, features, 0.0)}, frames)
        return features if dtype == "native" else features.astype(DTYPES[dtype])

    def eval_typeebd(self) -> np.ndarray:
        """The model's embedding of the types, (ntypes, width); of several, side by side.

        Raises
        ------
        InputError
            The model has none.
        """
        return self.backend.eval_typeebd()

    def get_model(self) -> object:
        """The model itself, as its backend's package has it."""
        return self.backend.get_model()

    @property
    def deep_eval(self) -> KitDeepEval:
        """The backend's side with deepmd-kit's names, for programs that reach into it."""
        from deepmd.kit_names.deep_eval import KitDeepEval

        return KitDeepEval(self.backend, self, self._batch_size)

    def get_rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self.backend.get_rcut()

    def get_ntypes(self) -> int:
        """Number of types."""
        return self.backend.get_ntypes()

    def get_type_map(self) -> list[str]:
        """Names of the types."""
        return self.backend.get_type_map()

    def get_sel_type(self) -> list[int]:
        """Types whose atoms have an output."""
        return self.backend.get_sel_type()

    def get_dim_fparam(self) -> int:
        """Numbers of ``fparam`` for each frame."""
        return self.backend.get_dim_fparam()

    def get_dim_aparam(self) -> int:
        """Numbers of ``aparam`` for each atom."""
        return self.backend.get_dim_aparam()

    def has_default_fparam(self) -> bool:
        """Whether ``fparam`` may be left out although the model takes it."""
        return self.backend.has_default_fparam()

    def get_ntypes_spin(self) -> int:
        """Number of types with spin, in deepmd-kit's old way of counting."""
        return self.backend.get_ntypes_spin()

    def get_has_spin(self) -> bool:
        """Whether the model takes spins."""
        return self.backend.get_has_spin()

    @property
    def has_spin(self) -> bool:
        """Whether the model takes spins."""
        return self.get_has_spin()

    @property
    def use_spin(self) -> list[bool]:
        """Whether each type has a spin; empty where the model takes no spins."""
        return self.get_use_spin()

    def get_use_spin(self) -> list[bool]:
        """Whether each type has a spin; empty where the model takes no spins."""
        return self.backend.get_use_spin()

    @property
    def has_efield(self) -> bool:
        """Whether the model takes an electric field: none does."""
        return False

    @property
    def has_hessian(self) -> bool:
        """Whether `eval` gives a Hessian too: that of a model that was trained on Hessians."""
        return self.backend.get_has_hessian()

    def has_chg_spin_ebd(self) -> bool:
        """Whether the model takes the charge and the spin of a frame."""
        return self.backend.has_chg_spin_ebd()

    def has_default_chg_spin(self) -> bool:
        """Whether ``charge_spin`` may be left out although the model takes it."""
        return self.backend.has_default_chg_spin()

    def get_model_def_script(self) -> dict[str, Any]:
        """The model section that the model was built from, as far as the file knows it."""
        return self.backend.get_model_def_script()

    def get_model_size(self) -> dict[str, int]:
        """Number of parameters of ``descriptor``, ``fitting-net`` and ``total``."""
        return self.backend.get_model_size()

    def get_observed_types(self) -> dict[str, Any]:
        """The types met in the training data: ``type_num`` and ``observed_type``."""
        return self.backend.get_observed_types()

    def serialize(self) -> dict[str, Any]:
        """The contract's tree of the model (see deepmd.contract), without the document around it."""
        model: dict[str, Any] = self.backend.serialize()["model"]
        return model


def refuse_unknown(arguments: dict[str, Any]) -> None:
    """Raises InputError for an argument of `eval` that would have no effect; scripts give None for "not used"."""
    unused = [name for name, value in arguments.items() if value is not None]
    if unused:
        raise InputError(f"this model does not take {', '.join(unused)}.")


def _open_again(cls: type[DeepEval], model_file: str, options: dict[str, Any]) -> DeepEval:
    return cls(model_file, **options)
