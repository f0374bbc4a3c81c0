# SPDX-License-Identifier: LGPL-3.0-or-later
"""``python -m deepmd``: the same as `dp`."""

from deepmd.main import main

if __name__ == "__main__":
    main()
