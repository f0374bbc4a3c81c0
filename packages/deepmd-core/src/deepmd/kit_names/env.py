# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.env`: deepmd-kit's inside (settings)."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "each framework is imported by its own package: deepmd_pt, deepmd_tf, deepmd_jax, deepmd_pd")
