# SPDX-License-Identifier: LGPL-3.0-or-later
"""The dialect of models: trees of arrays, the Array API on any library, operations beyond it."""
