# SPDX-License-Identifier: LGPL-3.0-or-later
"""Turns the extended XYZ files of this folder into systems, by dpdata: train.xyz to data/train, valid.xyz likewise.

`deepmd/npy/mixed` makes one system of all frames with the same number of atoms; `deepmd/npy` would make one of each
composition.
"""

import dpdata

for name in ("train", "valid"):
    systems = dpdata.MultiSystems.from_file(f"{name}.xyz", fmt="extxyz")
    print(f"{name}.xyz: {systems.get_nframes()} frames of {len(systems)} compositions")
    systems.to("deepmd/npy/mixed", f"data/{name}")
