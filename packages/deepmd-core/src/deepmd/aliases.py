# SPDX-License-Identifier: LGPL-3.0-or-later
"""Names for the types of what is read from JSON and model files, whose entries are only known at run time."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]
"""A model as the contract describes it: strings, numbers, arrays and such dicts again."""
Section = dict[str, Any]
"""The input or a section of it: what stands between braces in the JSON file."""
