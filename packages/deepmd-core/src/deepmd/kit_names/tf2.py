# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.tf2`: deepmd-kit's inside (TensorFlow 2)."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "TensorFlow's backend is the package deepmd_tf (`pip install deepmd-tf`)")
