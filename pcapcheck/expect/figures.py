"""Quantities as text."""

from __future__ import annotations

from fractions import Fraction

from pcapcheck.expect.bounds import Value


def shown(value: Value, *, is_time: bool = False, in_percent: bool = False) -> str:
    """``97.123 ms``, ``2.5 %``, ``between 3 and 5``."""
    if value is None:
        return "no value"
    if value.exact:
        return figure(value.least, is_time=is_time, in_percent=in_percent)
    ends = [figure(end, is_time=is_time, in_percent=in_percent) for end in value]
    return f"between {ends[0]} and {ends[1]}"


def figure(value: Fraction, *, is_time: bool = False, in_percent: bool = False) -> str:
    """A time in milliseconds with three decimals, a share in percent with two, a number with up to four."""
    if is_time:
        return f"{_decimal(value / 10**6, 3)} ms"
    if in_percent:
        return f"{_shortened(_decimal(value * 100, 2))} %"
    return _shortened(_decimal(value, 4))


def counted(number: int) -> str:
    """``1 handshake``, ``2 handshakes``."""
    return f"{number} handshake{'' if number == 1 else 's'}"


def _decimal(value: Fraction, places: int) -> str:
    """Rounded half away from zero, as people round; a float would not hold every value."""
    scaled = abs(value) * 10**places
    whole, rest = divmod((scaled.numerator * 2 + scaled.denominator) // (scaled.denominator * 2), 10**places)
    return f"{'-' if value < 0 else ''}{whole}.{rest:0{places}}"


def _shortened(text: str) -> str:
    return text.rstrip("0").rstrip(".")
