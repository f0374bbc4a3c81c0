# SPDX-License-Identifier: LGPL-3.0-or-later
"""Pictures of learning curves and of predictions; needs the extra ``deepmd-core[plot]``."""
