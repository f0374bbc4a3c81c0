# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.jax`: deepmd-kit's inside for JAX, which has a package of its own here."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "JAX's backend is the package deepmd_jax (`pip install deepmd-jax`)")
