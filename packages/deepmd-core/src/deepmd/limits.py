# SPDX-License-Identifier: LGPL-3.0-or-later
"""Bounds of what a number may mean, once for all readers."""

LARGEST_LENGTH = 1e9
"""Coordinates and cell vectors [Å]: beyond it double precision does not resolve a bond, and squares overflow later."""
MOST_TYPES = 10_000
"""Types of atoms in data; more are no types but a mistake, and each would be given a name."""
