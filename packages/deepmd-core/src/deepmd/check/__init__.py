# SPDX-License-Identifier: LGPL-3.0-or-later
"""Whether data can be what they are meant to be: units, signs, broken frames, labels, duplicates."""

from deepmd.check.data import Report, check_data
from deepmd.check.distances import Distances
from deepmd.check.finding import Finding

__all__ = ["Distances", "Finding", "Report", "check_data"]
