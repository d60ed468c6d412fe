"""Text to tokens, each with its place. Every text is either cut up or refused with a column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Final, NamedTuple, NoReturn

from pcapcheck.errors import ExpressionError
from pcapcheck.expect.words import UNITS

# What is longer is no expectation that a person wrote; the bound keeps every step short.
LONGEST: Final = 2000
_MOST_DIGITS: Final = 15

_UNIT: Final = "|".join(sorted(UNITS, key=len, reverse=True))
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?"
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>[ \t\n]+)
  | (?P<string>"[^"\n]*"|'[^'\n]*')
  | (?P<quantile>[pP]{_NUMBER}(?![A-Za-z0-9_.]))
  | (?P<number>{_NUMBER})(?P<unit>%|(?:{_UNIT})(?![A-Za-z0-9_]))?(?![A-Za-z0-9_.%])
  | (?P<word>[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z][A-Za-z0-9_]*)*)
  | (?P<operator><=|>=|==|!=|<|>)
  | (?P<sign>[-+*/(),])
    """,
    re.VERBOSE,
)
_TIME: Final = re.compile(rf"\s*({_NUMBER})\s*({_UNIT})\s*", re.ASCII)


class Token(NamedTuple):
    """One word: ``kind`` is string, quantile, number, word, operator, sign or end."""

    kind: str
    text: str
    at: int
    unit: str = ""


class Scanner:
    """The tokens of a text, one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            self.fail(LONGEST, f"at most {LONGEST} characters", f"{len(text)}")
        self._tokens = self._cut()
        self._next = 0

    def _cut(self) -> list[Token]:
        tokens: list[Token] = []
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                self._refuse(at)
            if match.lastgroup is not None and match.lastgroup != "space":
                # `unit` is the last group of a number that has one.
                kind = "number" if match["number"] else match.lastgroup
                tokens.append(Token(kind, match[0], at, match["unit"] or ""))
            at = match.end()
        tokens.append(Token("end", "", len(self.text)))
        return tokens

    def _refuse(self, at: int) -> NoReturn:
        character = self.text[at]
        if character in "\"'":
            self.fail(at, "the end of the text in quotation marks", "none")
        if character == "=":
            self.fail(at, "a comparison", "'='", "equality is written ==")
        if character.isascii() and character.isdigit():
            self.fail(at, f"a number, or a time in {', '.join(UNITS)}", repr(self._word(at)))
        self.fail(at, "a word, a number or a sign", repr(character))

    def _word(self, at: int) -> str:
        match = re.compile(r"\S{1,20}").match(self.text, at)
        return match[0] if match else ""

    @property
    def token(self) -> Token:
        """The token at hand."""
        return self._tokens[self._next]

    @property
    def previous_end(self) -> int:
        """Where the token before this one ends."""
        before = self._tokens[max(0, self._next - 1)]
        return before.at + len(before.text)

    def take(self) -> Token:
        """The token at hand; the next one is then."""
        token = self.token
        if token.kind != "end":
            self._next += 1
        return token

    def accept(self, *words: str) -> str:
        """The word or sign at hand in lower case, if it is one of these, and goes on; empty if not."""
        token = self.token
        if token.kind in ("word", "sign", "operator") and token.text.lower() in words:
            self.take()
            return token.text.lower()
        return ""

    def expect(self, words: Iterable[str], needed: str) -> str:
        """One of these words, or an error that suggests the one that may have been meant."""
        words = tuple(words)
        return self.accept(*words) or self.unexpected(needed, words)

    def unexpected(self, needed: str, words: Iterable[str] = ()) -> NoReturn:
        """Refuse the token at hand."""
        token = self.token
        near = difflib.get_close_matches(token.text.lower().replace("_", "-"), tuple(words), 1) if token.text else []
        found = "the end" if token.kind == "end" else token.text if token.kind == "string" else repr(token.text)
        self.fail(token.at, needed, found, f"did you mean {near[0]}?" if near else "")

    def fail(self, at: int, needed: str, found: str, advice: str = "") -> NoReturn:
        """Refuse the text at this place."""
        raise ExpressionError(self.text, at + 1, needed, found, advice)

    def number(self, token: Token) -> Fraction:
        """The value of a number, in nanoseconds if it has a unit of time."""
        digits = token.text[: len(token.text) - len(token.unit)].lstrip("pP")
        if len(digits) > _MOST_DIGITS:
            self.fail(token.at, f"a number of at most {_MOST_DIGITS} digits", f"{len(digits)}")
        value = Fraction(digits)
        return value / 100 if token.unit == "%" else value * UNITS.get(token.unit, 1)

    def time(self, token: Token) -> Fraction:
        """The nanoseconds that a text in quotation marks says."""
        match = _TIME.fullmatch(token.text[1:-1])
        if match is None or len(match[1]) > _MOST_DIGITS:
            self.fail(token.at, f'a time in {", ".join(UNITS)}, as "80ms"', token.text)
        return Fraction(match[1]) * UNITS[match[2]]
