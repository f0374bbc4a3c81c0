# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.tf`: deepmd-kit's inside for TensorFlow, which has a package of its own here."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "TensorFlow's backend is the package deepmd_tf (`pip install deepmd-tf`)")
