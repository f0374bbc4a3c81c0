# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is computed in C++, by ctypes: neighbor lists and the native engine."""
