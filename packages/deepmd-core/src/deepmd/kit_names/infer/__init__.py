# SPDX-License-Identifier: LGPL-3.0-or-later
"""Kinds of models that deepmd-kit has, a module each; `deepmd.infer` looks for its modules here too."""
