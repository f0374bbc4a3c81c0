# SPDX-License-Identifier: LGPL-3.0-or-later
"""What a model may be opened with beside its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepmd.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

WITHOUT_EFFECT = ("auto_batch_size", "neighbor_list", "nlist_backend", "no_jit", "load_prefix", "default_tf_graph")
"""Options of deepmd-kit that change no number here, the first one apart: lists are O(N) always."""


def check_options(options: Mapping[str, object], model_file: str) -> None:
    """Raises InputError for an option that would have no effect; scripts give None for "not used"."""
    unknown = [name for name, value in options.items() if value is not None and name not in WITHOUT_EFFECT]
    if "head" in unknown:
        raise InputError(f"head is {options['head']!r}, but {model_file} is a model of one task; leave it out.")
    if unknown:
        raise InputError(f"there is no option {', '.join(unknown)}; known are {', '.join(WITHOUT_EFFECT)}.")
