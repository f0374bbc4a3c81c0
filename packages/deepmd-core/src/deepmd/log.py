# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where the log messages of the `dp` command go."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS = {
    "DEBUG": logging.DEBUG,
    "3": logging.DEBUG,
    "INFO": logging.INFO,
    "2": logging.INFO,
    "WARNING": logging.WARNING,
    "1": logging.WARNING,
    "ERROR": logging.ERROR,
    "0": logging.ERROR,
}
"""What ``-v`` accepts: names, or deepmd-kit's numbers."""

IN_FILE = "in_file"
"""Attribute of a record whose words in a log file are others, or none where they are empty: ``extra={IN_FILE: ""}``."""


class _FileFormatter(logging.Formatter):
    """Takes the words for the file where a record has such."""

    def format(self, record: logging.LogRecord) -> str:
        words = getattr(record, IN_FILE, None)
        if words is not None:
            record = logging.makeLogRecord({**record.__dict__, "msg": words, "args": ()})
        return super().format(record)


def set_up_logging(level: int, path: str | None, packages: Iterable[str]) -> None:
    """Sends messages to stderr, and to a file where one is given.

    Parameters
    ----------
    level : int
        Least severe level that is shown.
    path : str, optional
        File that the messages are appended to, each with its time.
    packages : iterable of str
        The packages whose messages have that level. Others', such as the frameworks', must be warnings to be shown.
    """
    console = logging.StreamHandler()
    console.setFormatter(logging.Formatter("%(message)s"))
    handlers: list[logging.Handler] = [console]
    if path:
        file = logging.FileHandler(path, encoding="utf-8")
        file.setFormatter(_FileFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
        file.addFilter(lambda record: getattr(record, IN_FILE, None) != "")
        handlers.append(file)
    logging.basicConfig(handlers=handlers, level=logging.WARNING, force=True)
    for name in packages:
        logging.getLogger(name).setLevel(level)
