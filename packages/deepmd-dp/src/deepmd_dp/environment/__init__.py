# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a model takes: the surroundings of atoms, from coordinates to the normalised environment matrix."""
