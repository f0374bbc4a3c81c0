# SPDX-License-Identifier: LGPL-3.0-or-later
"""Errors that a user can mend: the `dp` command prints each as one line and exits with 1."""


class DeepmdError(Exception):
    """A mistake in what the user gave: states the value, what was expected, what to do."""


class InputError(DeepmdError):
    """The input file (`input.json`) or a command-line argument is wrong."""


class DataError(DeepmdError):
    """A data system is wrong; the message names the file and, where known, the frame."""


class ModelFileError(DeepmdError):
    """A model file cannot be read: unknown, newer, truncated, or misshapen."""


class BackendError(DeepmdError):
    """A backend is not installed, fails to import, or cannot do what was asked."""


class OutOfMemoryError(BackendError):
    """Memory was asked for and refused, or would be, for what is evaluated at once."""


class TrainingError(DeepmdError):
    """Training cannot go on, for instance since the loss is not finite."""


class ResultError(DeepmdError):
    """What a model gives is not finite.

    Parameters
    ----------
    frame : int
        Number of the frame.
    reason : str
        What is wrong in it.
    where : str
        What the frame is one of, as ``of system data/a``.
    """

    def __init__(self, frame: int, reason: str, where: str = "") -> None:
        super().__init__(f"frame {frame}{where and ' '}{where}: {reason}")
        self.frame, self.reason = frame, reason


def first_line(error: BaseException) -> str:
    """What a framework says first; the rest is for its developers."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def last_line(error: BaseException) -> str:
    """What an import error says in the end; its head is often a list of what was tried."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
