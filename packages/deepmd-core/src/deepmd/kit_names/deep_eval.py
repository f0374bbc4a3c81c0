# SPDX-License-Identifier: LGPL-3.0-or-later
"""`DeepEval.deep_eval` as deepmd-kit's programs know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

    from deepmd.infer.batch_size import AutoBatchSize
    from deepmd.infer.deep_eval import DeepEvalBackend
    from deepmd.infer.evaluator import DeepEval

NAMES = {
    "sum": "{}_redu",
    "force": "{}_derv_r",
    "virial": "{}_derv_c_redu",
    "atom": "{}",
    "atom_virial": "{}_derv_c",
} | {"force_mag": "{}_derv_r_mag", "mask_mag": "mask_mag"}
"""What deepmd-kit calls the terms of an output, by kind."""


class KitDeepEval:
    """The backend's side of a model; what has another name or form in deepmd-kit is as there.

    Attributes
    ----------
    auto_batch_size : AutoBatchSize
        How many frames are evaluated at once.
    """

    def __init__(self, backend: DeepEvalBackend, model: DeepEval, auto_batch_size: AutoBatchSize) -> None:
        self._backend = backend
        self._model = model
        self.auto_batch_size = auto_batch_size

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_backend" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._backend, name)

    @property
    def type_map(self) -> list[str]:
        """Names of the types."""
        return self._backend.get_type_map()

    @property
    def ntypes(self) -> int:
        """Number of types."""
        return self._backend.get_ntypes()

    @property
    def rcut(self) -> float:
        """Cut-off radius [Å]."""
        return self._backend.get_rcut()

    @property
    def model_path(self) -> str:
        """The model's file."""
        return self._model.model_file

    def eval(
        self, coords: ArrayLike, cells: ArrayLike | None, atom_types: ArrayLike, atomic: bool = False, **kwargs: Any
    ) -> dict[str, np.ndarray]:
        """`DeepEval.eval_terms` under deepmd-kit's names, such as ``energy_redu``.

        Returns
        -------
        dict[str, np.ndarray]
            In the shapes of deepmd-kit's PyTorch. Of an output X of k components: ``X_redu`` (nframes, k, 1),
            ``X_derv_r`` (nframes, k, natoms, 3), ``X_derv_c_redu`` (nframes, k, 9), and where atomic ``X``
            (nframes, natoms, k, 1) and ``X_derv_c`` (nframes, k, natoms, 9).
        """
        terms = self._model.eval_terms(coords, cells, atom_types, atomic, **kwargs)
        results = {}
        for output in self._model.outputs:
            for term in output.terms(atomic=atomic):
                values = terms[term.name]
                if term.kind in ("sum", "atom"):
                    values = values[..., None]
                elif output.is_scalar:
                    values = values[:, None]
                results[NAMES[term.kind].format(output.name)] = values
        return results
