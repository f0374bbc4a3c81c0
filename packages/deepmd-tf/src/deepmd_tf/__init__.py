# SPDX-License-Identifier: LGPL-3.0-or-later
"""The TensorFlow backend: how TensorFlow trains, freezes and evaluates the models of deepmd-dp."""

import os

__version__ = "4.0.0a1"

# TensorFlow reads these while it is imported, so they stand here: notes of its C++ code stay off the terminal, and
# oneDNN, which helps single precision only, is off since nothing else silences the note that it is on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
