# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.lmp`: where the plug-in for LAMMPS is."""

from deepmd_cc.lmp import plugin_folder as get_op_dir

__all__ = ["get_op_dir"]
