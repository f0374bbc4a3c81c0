# SPDX-License-Identifier: LGPL-3.0-or-later
"""Modules and names that deepmd-kit has and programs import, each a few lines that give what is here its old name.

`deepmd` and `deepmd.infer` look for their modules here too, so that `kit_names/common.py` is `deepmd.common`.
Nothing else of this package imports them but `deep_eval`. docs/python-names.md lists them.
"""
