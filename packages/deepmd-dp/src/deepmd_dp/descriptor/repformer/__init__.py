# SPDX-License-Identifier: LGPL-3.0-or-later
"""The message-passing part of `dpa2`: features of atoms and of their edges, updated in turns."""
