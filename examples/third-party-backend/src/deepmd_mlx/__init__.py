# SPDX-License-Identifier: LGPL-3.0-or-later
"""Deep Potential models on Apple's MLX."""

__version__ = "0.1.0"
