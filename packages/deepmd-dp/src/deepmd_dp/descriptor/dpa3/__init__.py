# SPDX-License-Identifier: LGPL-3.0-or-later
"""The descriptor of DPA-3: features of atoms, edges and angles, updated in turns."""
