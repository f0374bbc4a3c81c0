# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp model-devi`: the deviation between several models on data."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from deepmd.infer import make_model_devi

if TYPE_CHECKING:
    import argparse

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> None:
    """Runs the sub-command."""
    deviations = make_model_devi(
        models=args.models,
        system=args.system,
        output=args.output,
        frequency=args.frequency,
        real_error=args.real_error,
        atomic=args.atomic,
        relative=args.relative,
        relative_v=args.relative_v,
    )
    nframes = sum(len(deviation) for deviation in deviations)
    log.info("model deviation of %d frames in %d systems written to %s", nframes, len(deviations), args.output)
