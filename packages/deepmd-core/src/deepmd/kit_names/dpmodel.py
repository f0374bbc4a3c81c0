# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.dpmodel`: deepmd-kit's inside (NumPy)."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "the models are in the package deepmd_dp (`pip install deepmd-dp`)")
