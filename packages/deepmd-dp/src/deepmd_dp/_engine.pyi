# SPDX-License-Identifier: LGPL-3.0-or-later
"""The native engine in C++; arguments and results are described in `deepmd_dp.numpy_backend.engine`."""

import numpy as np

class EngineError(RuntimeError): ...
class NotCoveredError(EngineError): ...

class Model:
    record: str
    seconds: dict[str, float]
    def __init__(self, document: bytes, nthreads: int) -> None: ...
    def compute(
        self,
        coord: np.ndarray,
        atype: np.ndarray,
        box: np.ndarray | None,
        pbc: tuple[bool, bool, bool],
        nloc: int,
        fparam: np.ndarray | None,
        aparam: np.ndarray | None,
        atomic: bool,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...

def multiply(times: int) -> float: ...
