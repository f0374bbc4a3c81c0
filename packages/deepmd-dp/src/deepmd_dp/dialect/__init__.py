# SPDX-License-Identifier: LGPL-3.0-or-later
"""The dialect in which models are written: trees of arrays, the Array API on any library, and the operations beyond it."""
