# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a backend is made with: it adds how its framework differentiates, trains and freezes."""
