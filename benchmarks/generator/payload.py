"""Payloads: pieces of one text, with the sums that checksums need. Letters, which no dissector takes for its own."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from generator.draws import Draws, Ints, mixed

LONGEST: Final = 1500
_PLACES: Final = 1 << 17  # of 2 octets each
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz"

POOL: Final = np.frombuffer(_LETTERS, np.uint8)[
    Draws(20260115).below(len(_LETTERS), 2 * _PLACES + LONGEST + 2)
].tobytes()
# Sums of the 16-bit words before each place.
_SUMS: Final = np.r_[0, np.cumsum(np.frombuffer(POOL, ">u2").astype(np.int64))]
_OCTETS: Final = np.frombuffer(POOL, np.uint8)


def places(packets: Any) -> Ints:
    """Where in POOL the payload of each packet begins: the same for the same octets of the same connection."""
    return 2 * (mixed(packets["salt"], packets["seq"]) & np.uint64(_PLACES - 1)).astype(np.int64)


def sums(starts: Ints, lengths: Ints) -> Ints:
    """The sum of the 16-bit words of each payload, an odd last octet filled up with 0 (RFC 1071)."""
    ends = starts + lengths
    whole: Ints = _SUMS[ends // 2] - _SUMS[starts // 2]
    odd: Ints = np.where(lengths & 1, _OCTETS[ends - 1].astype(np.int64) << 8, 0)
    return whole + odd
