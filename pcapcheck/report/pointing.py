"""Where an expectation goes wrong, pointed at below its text."""

from __future__ import annotations

import unicodedata
from typing import Final

from pcapcheck.errors import ExpressionError
from pcapcheck.report.escape import escaped

# Characters that are shown before and after the place.
_AROUND: Final = 50


def pointed(error: ExpressionError) -> tuple[str, str]:
    """The text, harmless for a terminal and cut where it is long, and a line with a caret below the place."""
    at = error.column - 1
    start, end = max(0, at - _AROUND), at + _AROUND
    before = ("..." if start else "") + escaped(error.text[start:at])
    after = escaped(error.text[at:end]) + ("..." if end < len(error.text) else "")
    return before + after, " " * _width(before) + "^"


def _width(text: str) -> int:
    """Columns of a terminal: characters of East Asian scripts take two, marks that combine none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(map(bool, map(unicodedata.combining, text)))
