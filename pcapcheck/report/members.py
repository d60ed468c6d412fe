"""JSON documents written piece by piece, so that an array of any length needs no memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TextIO

_ENCODE: Final = json.JSONEncoder(check_circular=False).encode


def write_members(out: TextIO, members: Iterable[tuple[str, Any]]) -> None:
    """Write an object with these members, a line each. A value that is an iterator becomes an array, a line an entry.

    All characters are ASCII.
    """
    separator = "{\n"
    for key, value in members:
        out.write(f"{separator}{_ENCODE(key)}: ")
        separator = ",\n"
        if isinstance(value, Iterator):
            _write_array(out, value)
        else:
            out.write(_ENCODE(value))
    out.write("{}" if separator == "{\n" else "\n}")


def _write_array(out: TextIO, values: Iterator[Any]) -> None:
    separator = "[\n"
    for value in values:
        out.write(separator + _ENCODE(value))
        separator = ",\n"
    out.write("[]" if separator == "[\n" else "\n]")
