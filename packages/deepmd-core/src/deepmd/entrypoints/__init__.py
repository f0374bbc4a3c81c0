# SPDX-License-Identifier: LGPL-3.0-or-later
"""The sub-commands of `dp`: one module each, whose ``run(args)`` does the work."""
