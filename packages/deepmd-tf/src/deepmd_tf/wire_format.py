# SPDX-License-Identifier: LGPL-3.0-or-later
"""Where the fields of a serialised protobuf message lie, without any knowledge of it.

A message is fields one after the other: a key, which is ``8 * number + kind``, and a value. Keys, integers and lengths
are varints: seven bits a byte, the lowest first, the eighth says whether another byte follows. Messages one after the
other are one message, which has the fields of all of them.

References
----------
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTHS = {1: 8, 5: 4}
"""Kinds of fixed width [bytes]; kind 0 is a varint, kind 2 bytes after their number."""


class Field(NamedTuple):
    """A field's number, where it starts, where its content starts and where both end, in bytes from the first one."""

    number: int
    start: int
    content: int
    end: int


def fields(message: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message in these bytes.

    Raises
    ------
    ValueError
        The bytes are no message, for instance since some are missing.
    """
    position, end = start, len(message) if end is None else end
    while position < end:
        key, content = _varint(message, position, end)
        kind = key & 7
        if kind == 2:
            length, content = _varint(message, content, end)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        elif kind == 0:
            length = _varint(message, content, end)[1] - content
        else:
            raise ValueError(f"no field starts at byte {position}")
        if content + length > end:
            raise ValueError(f"the field at byte {position} is cut off")
        yield Field(key >> 3, position, content, content + length)
        position = content + length


def _varint(message: bytes, position: int, end: int) -> tuple[int, int]:
    """An integer, and where the next byte is."""
    value = 0
    for shift in range(0, 64, 7):
        if position == end:
            break
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError(f"the number that ends at byte {position} is cut off")
