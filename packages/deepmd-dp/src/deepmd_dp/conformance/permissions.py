# SPDX-License-Identifier: LGPL-3.0-or-later
"""What is not permitted, for tests that run as root, to whom all is."""

from __future__ import annotations

import ctypes
import os

_PR_CAPBSET_DROP = 24
_CAPABILITIES = {"CAP_DAC_OVERRIDE": 1, "CAP_DAC_READ_SEARCH": 2}
_VERSION_3 = 0x20080522


def obey_permissions() -> None:
    """Lets this process, and what it executes, obey the permissions of files, for instance as ``preexec_fn``.

    Raises
    ------
    OSError
        Root's power cannot be given up here.
    """
    if os.geteuid() != 0:
        return
    system = ctypes.CDLL(None)
    header, sets = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    refused = system.capget(header, sets)
    for number in _CAPABILITIES.values():
        refused |= system.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
        for k in range(3):  # effective, permitted, inheritable
            sets[k] &= ~(1 << number)
    if refused or system.capset(header, sets):
        raise OSError(f"{', '.join(_CAPABILITIES)} cannot be dropped")
