"""What pcapcheck raises. Traffic never raises; a file or a wrong call may.

PcapcheckError
├── CaptureError            a capture cannot be read: path, byte offset, needed, found, advice
│   └── UnrecognisedFormat  the file is no capture that pcapcheck knows
└── UsageError              a call or an option makes no sense
    └── ExpressionError     an expectation cannot be read: text, column, needed, found
"""

from __future__ import annotations


class PcapcheckError(Exception):
    """The root: catch this to catch everything that pcapcheck raises on purpose."""


# The offset of an error that is not at any place in the file: it is not there, or cannot be opened.
NOWHERE = -1


class CaptureError(PcapcheckError):
    """A capture cannot be read at all. Damage behind a good prefix is a finding, not this."""

    def __init__(self, path: str, offset: int, needed: str, found: str, advice: str = "") -> None:
        super().__init__(path, offset, needed, found, advice)
        self.path, self.offset, self.needed, self.found, self.advice = path, offset, needed, found, advice

    def __str__(self) -> str:
        place = "" if self.offset == NOWHERE else f"at byte {self.offset}: "
        message = f"{self.path}: {place}needed {self.needed}, found {self.found}"
        return f"{message}; {self.advice}" if self.advice else message


class UnrecognisedFormat(CaptureError):
    """The first bytes are those of no capture format that pcapcheck reads."""


class UsageError(PcapcheckError):
    """An argument is wrong: the message says which, and what is allowed."""


class ExpressionError(UsageError):
    """An expression is not in the language: where it goes wrong, counted from column 1, and what may stand there."""

    def __init__(self, text: str, column: int, needed: str, found: str, advice: str = "", where: str = "") -> None:
        super().__init__(text, column, needed, found, advice, where)
        self.text, self.column, self.needed, self.found, self.advice = text, column, needed, found, advice
        self.where = where  # file and key, where it was not written on the command line

    def __str__(self) -> str:
        message = f"{self.where or 'expectation'}, column {self.column}: needed {self.needed}, found {self.found}"
        return f"{message}; {self.advice}" if self.advice else message

    def written_in(self, where: str) -> ExpressionError:
        """The same error, with the place of the text."""
        return ExpressionError(self.text, self.column, self.needed, self.found, self.advice, where)
