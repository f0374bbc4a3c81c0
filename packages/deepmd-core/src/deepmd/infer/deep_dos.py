# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models of the density of states."""

from __future__ import annotations

from deepmd.infer.deep_property import DeepNumbers


class DeepDOS(DeepNumbers, model_type="dos"):
    """A model of the density of states at k energies, the sum of the atoms'; the parameters are those of `DeepEval`.

    Examples
    --------
    >>> from deepmd.infer import DeepDOS
    >>> dp = DeepDOS("dos.pth")
    >>> coord = [[1.0, 0.0, 0.0, 0.0, 0.0, 1.5, 1.0, 0.0, 3.0]]
    >>> total, of_atoms = dp.eval(coord, None, ["H", "O", "H"], atomic=True)
    """

    def get_numb_dos(self) -> int:
        """Number of energies."""
        return self.get_task_dim()
