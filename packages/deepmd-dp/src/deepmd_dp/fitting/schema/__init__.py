# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the input may say of each fitting: a file each, whose `ROW` is registered in pyproject.toml."""
