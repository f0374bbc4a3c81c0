# SPDX-License-Identifier: LGPL-3.0-or-later
"""Bounds of what a number may mean, once for all readers."""

LARGEST_LENGTH = 1e9
"""Coordinates and cell vectors [Å]: beyond it double precision does not resolve a bond, and squares overflow later."""
LARGEST_SPIN = 1e6
"""Spins [μB]: an atom has less than 20, but data may count them by a smaller unit."""
LARGEST = {"coord": LARGEST_LENGTH, "box": LARGEST_LENGTH, "spin": LARGEST_SPIN}
"""By the names of data."""
MOST_TYPES = 10_000
"""Types of atoms in data; more are no types but a mistake, and each would be given a name."""
