# SPDX-License-Identifier: LGPL-3.0-or-later
"""`zbl`, which only files name: in inputs it is a `standard` model with `use_srtab`."""

from deepmd.registry import Row

ROW = Row(name="zbl", cls="deepmd_dp.model.zbl:ZBLModel", doc="A net that goes over into a table.", is_input=False)
