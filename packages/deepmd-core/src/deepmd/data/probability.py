# SPDX-License-Identifier: LGPL-3.0-or-later
"""How often each system is drawn: the keys ``sys_probs`` and ``auto_prob``."""

from __future__ import annotations

import numpy as np

from deepmd.errors import InputError


def system_probabilities(nbatches: list[int], auto_prob: str, sys_probs: list[float] | None) -> np.ndarray:
    """Probability of each system, (nsystems,), summing to 1.

    Parameters
    ----------
    nbatches : list of int
        Batches in each system.
    auto_prob : str
        ``prob_uniform``; ``prob_sys_size``: proportional to the number of batches;
        ``prob_sys_size;start:stop:weight;...``: the systems from start up to stop (not included) share the weight.
    sys_probs : list of float, optional
        Given probabilities, which go before ``auto_prob``; the systems with a negative one share what is left by
        their numbers of batches.

    Raises
    ------
    InputError
        Where this cannot be read or does not sum to 1.
    """
    size = np.asarray(nbatches, dtype=np.float64)
    if sys_probs is not None:
        return _given(np.asarray(sys_probs, dtype=np.float64), size)
    if auto_prob == "prob_uniform":
        return np.full(len(size), 1.0 / len(size))
    name, *blocks = auto_prob.split(";")
    if name != "prob_sys_size":
        raise InputError(
            f"auto_prob {auto_prob!r}: expected prob_uniform, prob_sys_size or prob_sys_size;start:stop:weight;..."
        )
    return _by_blocks(auto_prob, blocks, size) if blocks else size / size.sum()


def _given(probs: np.ndarray, size: np.ndarray) -> np.ndarray:
    if len(probs) != len(size):
        raise InputError(f"sys_probs is a list of {len(probs)}, but there are {len(size)} systems.")
    free = probs < 0
    assigned = float(probs[~free].sum())
    total = f"sys_probs: the given probabilities sum to {assigned:g}"
    if assigned > 1.0 + 1e-8:
        raise InputError(f"{total}, which is more than 1.")
    if not free.any() and not np.isclose(assigned, 1.0):
        raise InputError(f"{total}, expected 1, or -1 for the systems that share the rest.")
    share = np.where(free, size, 0.0)
    result = np.where(free, 0.0, probs)
    if free.any():
        result = result + max(0.0, 1.0 - assigned) * share / share.sum()
    shares: np.ndarray = result / result.sum()
    return shares


def _by_blocks(rule: str, blocks: list[str], size: np.ndarray) -> np.ndarray:
    result = np.zeros(len(size))
    for block in blocks:
        start, stop, weight = _read_block(rule, block)
        if not 0 <= start < stop <= len(size):
            raise InputError(f"auto_prob {rule!r}: {start}:{stop} are no systems; there are {len(size)}.")
        result[start:stop] = weight * size[start:stop] / size[start:stop].sum()
    if result.sum() <= 0:
        raise InputError(f"auto_prob {rule!r}: the weights sum to 0.")
    shares: np.ndarray = result / result.sum()
    return shares


def _read_block(rule: str, block: str) -> tuple[int, int, float]:
    try:
        start, stop, weight = block.split(":")
        numbers = int(start), int(stop), float(weight)
    except ValueError:
        raise InputError(f"auto_prob {rule!r}: {block!r} is not of the form start:stop:weight.") from None
    if numbers[2] < 0:
        raise InputError(f"auto_prob {rule!r}: weight {weight} is negative.")
    return numbers
