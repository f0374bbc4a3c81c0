# SPDX-License-Identifier: LGPL-3.0-or-later
"""The NumPy backend: the reference, without any framework."""
