"""Sequence number arithmetic modulo 2^32: the only place (RFC 9293, section 3.4).

Every function takes plain integers, or NumPy int64 columns that hold numbers of 0 .. 2^32-1.
"""

from __future__ import annotations

from typing import TypeVar

MODULUS = 2**32
_MASK = MODULUS - 1
_HALF = 2**31

# An int, or an int64 column: both know +, -, & and ^. (NumPy's own types say too much here.)
Seq = TypeVar("Seq")


def add(number: Seq, offset: object) -> Seq:
    """The sequence number ``offset`` octets after ``number``."""
    return (number + offset) & _MASK  # type: ignore[operator, no-any-return]


def ahead(number: Seq, base: object) -> Seq:
    """How many octets ``number`` lies after ``base``: 0 .. 2^32-1. Takes uint32 columns too."""
    return (number - base) & _MASK  # type: ignore[operator, no-any-return]


def diff(number: Seq, base: object) -> Seq:
    """The signed distance from ``base`` to ``number``, -2^31 .. 2^31-1: negative means before."""
    return ((number - base + _HALF) & _MASK) - _HALF  # type: ignore[operator, no-any-return]


def in_window(number: int, start: int, size: int) -> bool:
    """RFC 9293, 3.10.7.4: ``start =< number < start + size``, modulo 2^32."""
    return ahead(number, start) < size


def acceptable(seq: int, length: int, rcv_nxt: int, rcv_wnd: int) -> bool:
    """The four cases of RFC 9293, section 3.10.7.4, table 6: "Segment Acceptability Tests".

    ``length`` is SEG.LEN, counting SYN and FIN. A closed window takes nothing but the number expected.
    """
    if rcv_wnd == 0:
        return length == 0 and seq == rcv_nxt
    if length == 0:
        return in_window(seq, rcv_nxt, rcv_wnd)
    return in_window(seq, rcv_nxt, rcv_wnd) or in_window(seq + length - 1, rcv_nxt, rcv_wnd)
