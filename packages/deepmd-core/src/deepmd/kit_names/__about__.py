# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.__about__`: the version, which is `deepmd.__version__`."""

from deepmd.version import core_version

__all__ = ["__version__"]

__version__ = core_version()
