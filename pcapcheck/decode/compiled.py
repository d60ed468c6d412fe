"""The compiled part of the decoder: this very file, in Cython's pure Python mode.

The build compiles it to an extension module, which Python prefers to the .py beside it; where there is none, the .py
runs as it stands and gives the same. Only the annotations name Cython's types: Cython is not needed to run it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import cython

COMPILED: Final = not __file__.endswith(".py")


def ones_complement_sum(octets: bytes, start: int = 0) -> int:
    """The 16-bit one's-complement sum of ``octets`` as big-endian words (RFC 1071, section 1), not complemented.

    An odd octet at the end counts as a word padded with zero. ``start`` is the sum of what went before (below 2^32,
    folded or not), which must have been of even length.
    """
    total: cython.ulonglong = start
    even: cython.Py_ssize_t = len(octets) & ~1
    at: cython.Py_ssize_t
    for at in range(0, even, 2):
        total += octets[at] << 8 | octets[at + 1]
    if even < len(octets):
        total += octets[even] << 8
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
