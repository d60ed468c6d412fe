"""Colour for a terminal, and only there: a few SGR sequences of ECMA-48."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final, TextIO

_SGR: Final = {
    "bold": "1", "dim": "2", "red": "31", "green": "32",
    "error": "1;31", "warning": "33", "note": "36", "info": "2",
}  # fmt: skip


class Paint:
    """Paints text, or leaves it as it is."""

    def __init__(self, on: bool = False) -> None:
        self.on = on

    def __call__(self, text: str, colour: str) -> str:
        return f"\x1b[{_SGR[colour]}m{text}\x1b[0m" if self.on else text


def wanted(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to paint what goes to ``out``: NO_COLOR, then FORCE_COLOR (neither if empty), then what ``out`` is."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and environ.get("TERM") != "dumb"
