# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.pt`: deepmd-kit's inside for PyTorch, which has a package of its own here."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "PyTorch's backend is the package deepmd_pt (`pip install deepmd-pt`)")
