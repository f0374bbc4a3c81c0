# SPDX-License-Identifier: LGPL-3.0-or-later
"""`deepmd.utils.batch_size`: how many frames are evaluated at once."""

from deepmd.infer.batch_size import AutoBatchSize

__all__ = ["AutoBatchSize"]
