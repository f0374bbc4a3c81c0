# SPDX-License-Identifier: LGPL-3.0-or-later
"""The dpdata driver: labels systems by a model, ``System.predict(model, driver="dp")``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepmd.infer import DeepPot

try:
    from dpdata.driver import Driver
except ImportError as error:
    raise ImportError("deepmd.driver needs dpdata: `pip install 'deepmd-core[dpdata]'`.") from error


@Driver.register("dp")
@Driver.register("deepmd")
@Driver.register("deepmd-kit")
class DPDriver(Driver):
    """Labels data by a Deep Potential model; elements are matched by name.

    Parameters
    ----------
    dp : DeepPot or str or Path
        The model, opened, or its file.
    """

    def __init__(self, dp: DeepPot | str | Path) -> None:
        self.dp = dp if isinstance(dp, DeepPot) else DeepPot(dp)

    def label(self, data: dict[str, Any]) -> dict[str, Any]:
        """A copy of dpdata's data with labels.

        Parameters
        ----------
        data : dict
            ``coords`` (nframes, natoms, 3) [Å], ``cells`` (nframes, 3, 3) [Å], ``atom_names``, ``atom_types``
            (natoms,), indices into ``atom_names``, and ``nopbc`` where it is not periodic.

        Returns
        -------
        dict
            The same with ``energies`` (nframes,) [eV], ``forces`` (nframes, natoms, 3) [eV/Å] and
            ``virials`` (nframes, 3, 3) [eV].

        Raises
        ------
        InputError
            The model does not know an element.
        """
        names = [data["atom_names"][index] for index in data["atom_types"]]
        cells = None if data.get("nopbc", False) else data["cells"]
        energy, force, virial = self.dp.eval(data["coords"], cells, names, hessian=False)
        labels = {"energies": energy[:, 0], "forces": force, "virials": virial.reshape(-1, 3, 3)}
        return {**data, **labels}
