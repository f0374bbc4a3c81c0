# SPDX-License-Identifier: LGPL-3.0-or-later
"""The input file: what it may contain, its defaults, its errors."""

from deepmd.schema.doc import doc, sections
from deepmd.schema.load import load_input, write_input
from deepmd.schema.normalize import modernize, normalize, read_input

__all__ = ["doc", "load_input", "modernize", "normalize", "read_input", "sections", "write_input"]
