# SPDX-License-Identifier: LGPL-3.0-or-later
"""The first part of `dpa2`: two- and three-body features of atoms, without messages between them."""
