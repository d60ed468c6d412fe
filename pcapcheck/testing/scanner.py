"""Reads one line of text word by word, and says where it went wrong."""

from __future__ import annotations

import re
from typing import NoReturn

from pcapcheck.errors import UsageError


class Scanner:
    """One line of text, read word by word."""

    def __init__(self, text: str, number: int) -> None:
        self.text, self.number, self.at = text, number, 0
        self.accept("")

    @property
    def ended(self) -> bool:
        return self.at == len(self.text)

    def accept(self, pattern: str) -> re.Match[str] | None:
        """The next word, if it is ``pattern``."""
        match = re.compile(rf"(?:{pattern})(?:\s+|$)" if pattern else r"\s*").match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def expect(self, pattern: str, expected: str) -> re.Match[str]:
        return self.accept(pattern) or self.fail(expected)

    def integer(self, most: int, what: str) -> int:
        """The next word as a number of 0 .. ``most``."""
        start = self.at
        number = int(self.expect(r"\d+", f"{what}, 0 to {most}")[0])
        return number if number <= most else self.fail(f"{what}, 0 to {most}", start)

    def fail(self, expected: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        rest = self.text[at:].split()
        found = repr(rest[0]) if rest else "the end of the line"
        raise UsageError(f"line {self.number}, column {at + 1}: expected {expected}, found {found}")
