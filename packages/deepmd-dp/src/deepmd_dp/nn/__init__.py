# SPDX-License-Identifier: LGPL-3.0-or-later
"""Networks that models are made of."""
