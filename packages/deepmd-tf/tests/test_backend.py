# SPDX-License-Identifier: LGPL-3.0-or-later
"""How the backend presents itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import tensorflow as tf

from deepmd.backend import Backend
from deepmd.backend.discovery import backend_of_file, get_backend
from deepmd_tf import arrays
from deepmd_tf.backend import TensorFlowBackend


def test_can_do_everything():
    assert all(feature in TensorFlowBackend.features for feature in Backend.Feature)


def test_any_file_of_a_checkpoint_stands_for_it():
    for name in ("model.ckpt-1.meta", "model.ckpt-1.index", "model.ckpt-1.data-00000-of-00001"):
        assert type(backend_of_file(name)) is TensorFlowBackend


def test_version_whichever_distribution_is_installed():
    assert get_backend("tf").framework_version() == tf.__version__


def test_tensors_share_no_memory_with_arrays():
    array = np.zeros(1000)
    tensor = arrays.from_numpy(array)
    array[:] = 1.0
    back = arrays.to_numpy(tensor)
    back[:] = 2.0
    assert not np.any(tensor.numpy())


def test_tensorflow_says_nothing_on_the_terminal():
    code = (
        "from deepmd.backend.discovery import get_backend; get_backend('tf').import_framework();"
        "from deepmd_tf.arrays import device_name, from_numpy; print(device_name(), from_numpy(1.0).numpy())"
    )
    environment = {"DEVICE": "cpu", "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert (run.stdout, run.stderr) == ("cpu (1 thread) 1.0\n", "")
