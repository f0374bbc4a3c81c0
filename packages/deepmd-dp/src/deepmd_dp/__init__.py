# SPDX-License-Identifier: LGPL-3.0-or-later
"""Deep Potential models in the Python Array API, and the NumPy backend that runs them."""

__version__ = "4.0.0a1"
