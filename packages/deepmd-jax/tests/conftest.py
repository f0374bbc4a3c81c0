# SPDX-License-Identifier: LGPL-3.0-or-later
"""JAX as the tests want it: compiling takes more of their time than running."""

from __future__ import annotations

import os

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
