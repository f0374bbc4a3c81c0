# SPDX-License-Identifier: LGPL-3.0-or-later
"""The learning rate as a function of the step: ``exp``, ``cosine``, ``wsd``, each with a linear warm-up.

With lr0 = ``start_lr``, lr1 = ``stop_lr``, W warm-up steps out of N, T = N - W and t the steps since the warm-up:

- exp: lr0 * r^(t/s), s = ``decay_steps``, with t/s rounded down unless ``smooth``, never below lr1;
  r = ``decay_rate``, or (lr1/lr0)^(s/T), so that lr1 is reached at the end.
- cosine: lr1 + (lr0 - lr1) (1 + cos(pi t/T)) / 2.
- wsd (warm-up, stable, decay): lr0 until the last D = ``decay_phase_ratio`` * N steps, then with x from 0 to 1:
  1 / (x/lr1 + (1-x)/lr0) (``inverse_linear``), a half cosine, or a line.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from deepmd.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deepmd.aliases import Section


def learning_rate(config: Section, numb_steps: int) -> Callable[[int], float]:
    """The schedule that a normalised ``learning_rate`` section describes.

    Parameters
    ----------
    config : dict
        ``type``, ``start_lr``, ``stop_lr`` or ``stop_lr_ratio``, ``warmup_steps`` or ``warmup_ratio``,
        ``warmup_start_factor`` and the type's own keys.
    numb_steps : int
        Steps of the whole training, warm-up included.

    Returns
    -------
    callable
        Step, counted from 0, to the learning rate of that step.

    Raises
    ------
    InputError
        A value is out of its range, or two keys exclude each other.
    """
    kind = config.get("type", "exp")
    if kind not in DECAYS:
        raise InputError(f"learning_rate/type {kind!r}: expected one of {', '.join(DECAYS)}.")
    start = _positive(config["start_lr"], "start_lr")
    stop = _stop_lr(config, start)
    if stop > start:
        # the weights of the loss are lines through the rate, and turn negative above its first value
        raise InputError(f"learning_rate: stop_lr {stop:g} is above start_lr {start:g}; expected the rate to fall.")
    warmup = _warmup_steps(config, numb_steps)
    decay = DECAYS[kind](config, start, stop, numb_steps - warmup, numb_steps)
    first = float(config.get("warmup_start_factor", 0.0)) * start

    def rate(step: int) -> float:
        if step < warmup:
            return first + (start - first) * (step / warmup)
        return decay(step - warmup)

    return rate


def _exp(config: Section, start: float, stop: float, total: int, _numb_steps: int) -> Callable[[int], float]:
    period = config.get("decay_steps", 5000)
    rate: float | None = config.get("decay_rate")
    if period <= 0:
        raise InputError(f"learning_rate/decay_steps {period}: expected a number above 0.")
    if rate is not None and not 0 < rate <= 1:
        raise InputError(f"learning_rate/decay_rate {rate}: expected a number above 0 and up to 1.")
    if rate is None and period >= total:
        # a period longer than the training would leave the rate constant
        period = 100 if total // 10 > 100 else total // 100 + 1
    if rate is None:
        rate = math.exp(math.log(max(stop, 1e-10) / start) / (total / period)) if total else 1.0
    smooth, factor = config.get("smooth", False), float(rate)

    def decay(step: int) -> float:
        rate: float = start * factor ** (step / period if smooth else step // period)
        return max(stop, rate)

    return decay


def _cosine(_config: Section, start: float, stop: float, total: int, _numb_steps: int) -> Callable[[int], float]:
    def decay(step: int) -> float:
        if total == 0:
            return start
        return stop if step >= total else stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * step / total))

    return decay


def _wsd(config: Section, start: float, stop: float, total: int, numb_steps: int) -> Callable[[int], float]:
    _positive(stop, "stop_lr")
    share = config.get("decay_phase_ratio", 0.1)
    kind = config.get("decay_type", "inverse_linear")
    if not 0 < share <= 1:
        raise InputError(f"learning_rate/decay_phase_ratio {share}: expected a number above 0 and up to 1.")
    if kind not in SHAPES:
        raise InputError(f"learning_rate/decay_type {kind!r}: expected one of {', '.join(SHAPES)}.")
    phase = max(1, min(int(share * numb_steps), total))
    stable = total - phase
    shape = SHAPES[kind]

    def decay(step: int) -> float:
        if step >= total:
            return stop
        return start if step < stable else shape(start, stop, (step - stable) / phase)

    return decay


DECAYS = {"exp": _exp, "cosine": _cosine, "wsd": _wsd}
SHAPES: dict[str, Callable[[float, float, float], float]] = {
    "inverse_linear": lambda start, stop, x: 1 / (x / stop + (1 - x) / start),
    "cosine": lambda start, stop, x: stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * x)),
    "linear": lambda start, stop, x: start + (stop - start) * x,
}


def _positive(value: float, key: str) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"learning_rate/{key} {value}: expected a number above 0.")
    return value


def _stop_lr(config: Section, start: float) -> float:
    stop: float | None = config.get("stop_lr")
    ratio: float | None = config.get("stop_lr_ratio")
    if stop is not None and ratio is None:
        return stop
    if ratio is not None and stop is None:
        return start * ratio
    given = "neither" if stop is None else "both"
    raise InputError(f"learning_rate: give one of stop_lr and stop_lr_ratio, not {given}.")


def _warmup_steps(config: Section, numb_steps: int) -> int:
    steps, ratio = config.get("warmup_steps", 0), config.get("warmup_ratio")
    if steps and ratio is not None:
        raise InputError("learning_rate: give one of warmup_steps and warmup_ratio, not both.")
    steps = steps if ratio is None else int(ratio * numb_steps)
    if not (0 <= steps < numb_steps or steps == numb_steps == 0):
        raise InputError(f"learning_rate: {steps} warm-up steps in a training of {numb_steps} steps; expected fewer.")
    return steps
