# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.lmp`: where the plug-in for LAMMPS is."""

from __future__ import annotations


def get_op_dir() -> str:
    """`deepmd_cc.lmp.plugin_folder`; ImportError where deepmd-cc is not installed."""
    from deepmd_cc.lmp import plugin_folder

    folder: str = plugin_folder()
    return folder
