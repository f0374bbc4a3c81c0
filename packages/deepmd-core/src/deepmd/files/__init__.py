# SPDX-License-Identifier: LGPL-3.0-or-later
"""Files: written as a whole or not at all, never over what is needed, and what the system refuses in words.

`atomic` writes; it stands on `unfinished` (hidden folders and what kills leave in them), `undo` (several files as one),
`disk` (waiting for it) and `locks`. `overwrite` says what must not be written over, before anything is computed.
"""

from __future__ import annotations

from deepmd.files.atomic import atomic_path, describe_failure, read_text, reason_of

__all__ = ["atomic_path", "describe_failure", "read_text", "reason_of"]
