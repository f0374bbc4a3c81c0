# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.pd`: deepmd-kit's inside for Paddle, which has a package of its own here."""

from deepmd.kit_names.inside import refuse

refuse(__name__, "Paddle's backend is the package deepmd_pd (`pip install deepmd-pd`)")
