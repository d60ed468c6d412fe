"""Text that may hold Chinese, broken into lines by the columns that it takes in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from unicodedata import east_asian_width

# What no line may begin with, and what none may end with.
_CLOSING: Final = "，。；：、！？）”’》」』】〉,.;:!?)"
_OPENING: Final = "（“‘《「『【〈("

# A Latin word, a space, or one character, with all that closes behind it and all that opens before it.
_PIECE: Final = re.compile(rf"[{re.escape(_OPENING)}]*(?:[!-~]+| +|.)[{re.escape(_CLOSING)}]*")


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: two for each wide character."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def filled(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    """The text in lines of at most ``width`` columns, ``first`` before the first one and ``indent`` before the others.

    Lines break at spaces and between Chinese characters; a word that is longer than a line stays whole.
    """
    return "\n".join(_lines(" ".join(text.split()), width, indent, indent if first is None else first))


def _lines(text: str, width: int, indent: str, first: str) -> Iterator[str]:
    line, empty = first, True
    for piece in _PIECE.findall(text):
        if not empty and columns(line + piece.rstrip()) > width:
            yield line.rstrip()
            line, empty = indent, True
        if not (empty and piece.isspace()):
            line, empty = line + piece, False
    yield line.rstrip()
