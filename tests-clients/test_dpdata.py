# SPDX-License-Identifier: LGPL-3.0-or-later
"""dpdata's own driver for deepmd-kit, not ours."""

from __future__ import annotations

import dpdata
import numpy as np
import pytest
from copper import rattled
from dpdata.plugins.deepmd import DPDriver

from deepmd.infer import DeepPot


@pytest.mark.parametrize("nopbc", [False, True])
def test_dpdata_labels_by_a_model(model, nopbc):
    system = dpdata.System(rattled(2, 7), fmt="ase/structure")
    system.data["nopbc"] = nopbc
    driver = DPDriver(str(model))
    assert driver.enable_auto_batch_size
    labelled = dpdata.LabeledSystem.from_dict({"data": driver.label(system.data)})
    cells = None if nopbc else system["cells"]
    energy, force, virial = DeepPot(model).eval(system["coords"], cells, [0] * 32)
    np.testing.assert_allclose(labelled["energies"], energy[:, 0], rtol=1e-14)
    np.testing.assert_allclose(labelled["forces"], force, atol=1e-13)
    np.testing.assert_allclose(labelled["virials"], virial.reshape(-1, 3, 3), atol=1e-12)
