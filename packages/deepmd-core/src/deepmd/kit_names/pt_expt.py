# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.pt_expt`: deepmd-kit's inside (exported PyTorch)."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "PyTorch's backend is the package deepmd_pt (`pip install deepmd-pt`)")
