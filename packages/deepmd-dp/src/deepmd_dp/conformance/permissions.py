# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is not permitted, for tests that run as root, to whom all is."""

from __future__ import annotations

import ctypes
import os

_PR_CAPBSET_DROP = 24
_CAPABILITIES = {"CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2}


def obey_permissions() -> None:
    """Lets what this process executes next obey the permissions of files, as ``preexec_fn`` of a new process.

    Raises
    ------
    OSError
        Root's power cannot be given up here.
    """
    for name, number in _CAPABILITIES.items() if os.geteuid() == 0 else ():
        if ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
            raise OSError(f"{name} cannot be dropped")
