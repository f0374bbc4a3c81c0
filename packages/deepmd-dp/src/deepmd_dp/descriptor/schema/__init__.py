# SPDX-License-Identifier: LGPL-3.0-or-later
"""What the input may say of each descriptor: a file each, whose `ROW` is registered in pyproject.toml.

They import neither NumPy nor the descriptors' classes, so that checking an input is quick.
"""
