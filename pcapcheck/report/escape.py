"""Text from outside, made harmless for a terminal."""

from __future__ import annotations


def escaped(text: str) -> str:
    """The text with every character that does not print written as an escape.

    That covers control characters (C0, C1, ESC, newlines), BiDi controls and other invisible ones, and the octets of a
    file name that are no UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # os.fsdecode's stand-in for an octet
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def encodable(text: str) -> str:
    """The text with octets of a file name that are no UTF-8 as ``\\xff``: Arrow, and pandas on it, take no other."""
    if text.isascii():
        return text
    return "".join(_escape(character) if "\ud800" <= character <= "\udfff" else character for character in text)
