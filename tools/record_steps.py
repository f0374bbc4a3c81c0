# SPDX-License-Identifier: LGPL-3.0-or-later
"""`dp`, which also writes each row of the learning curve with all digits; lcurve.out has three of each number.

    python tools/record_steps.py steps.jsonl --pt train input.json

Each line of the file is a JSON object: the step, and the metrics of the training batch before the step's update.
"""

from __future__ import annotations

import json
import sys
from typing import ClassVar

from deepmd.main import main
from deepmd.train import run
from deepmd.train.lcurve import LearningCurve


class RecordedCurve(LearningCurve):
    """A learning curve that is kept in `record` too."""

    record: ClassVar[str]

    def write(self, step: int, train: dict[str, float], valid: dict[str, float], lr: float) -> None:
        super().write(step, train, valid, lr)
        with open(self.record, "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **train}) + "\n")


if __name__ == "__main__":
    RecordedCurve.record = sys.argv[1]
    run.LearningCurve = RecordedCurve
    main(sys.argv[2:])
