# SPDX-License-Identifier: LGPL-3.0-or-later
"""Every installed backend passes the conformance suite: a class for each, such as TestPt."""

from __future__ import annotations

from backends import BACKENDS, suite_of

globals().update({suite.__name__: suite for suite in map(suite_of, BACKENDS)})
