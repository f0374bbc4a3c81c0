# SPDX-License-Identifier: LGPL-3.0-or-later
"""Models by name: descriptors, fittings, losses and kinds of models, each a `Row` that a package registers.

deepmd-core knows none of them by name. A package brings one by an entry point of the group `DESCRIPTOR`, `FITTING`,
`LOSS` or `MODEL`, whose name is the row's and whose value is the row::

    [project.entry-points."deepmd.descriptor"]
    se_e2_a = "deepmd_dp.descriptor.schema.se_e2_a:ROW"
"""

from deepmd.registry.installed import default_name, find, find_class, problems, rows
from deepmd.registry.row import DESCRIPTOR, FITTING, LOSS, MODEL, NOT_YET, Row, SelKey, not_there
from deepmd.registry.walk import Part, check_backend, check_new, check_tree, label_sets, spin_scales, walk

__all__ = [
    "DESCRIPTOR",
    "FITTING",
    "LOSS",
    "MODEL",
    "NOT_YET",
    "Part",
    "Row",
    "SelKey",
    "check_backend",
    "check_new",
    "check_tree",
    "default_name",
    "find",
    "find_class",
    "label_sets",
    "not_there",
    "problems",
    "rows",
    "spin_scales",
    "walk",
]
