# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd._version`: the version, which is `deepmd.__version__`."""

from deepmd.version import core_version

__all__ = ["version"]

version = core_version()
