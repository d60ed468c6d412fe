"""MPLS label stacks, and the pseudowires that end in them without a word about what they carry."""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.place import Around, Datagram, Follows, Found, Numbers
from pcapcheck.decode.plausible import is_ethernet, is_ip
from pcapcheck.decode.segment import Skip

BOTTOM: Final = 0x01  # of the third octet
ASSOCIATED_CHANNEL: Final = 1  # first nibble, RFC 5586


def mpls(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 3032, section 2.1: labels down to the bottom of the stack."""
    at = start
    while True:
        if len(data) < at + 4:
            return Skip.CUT_HEADER
        at += 4
        if data[at - 2] & BOTTOM:
            return _payload(data, at, end, around.inside("mpls"))


def _payload(data: bytes, at: int, end: int, around: Around) -> Found:
    """What is under the stack: the label's owner knows, the packet does not say (RFC 4928, section 3).

    So IP is believed by its first nibble and its lengths; then Ethernet, with a control word (RFC 4385: a first nibble
    of 0; RFC 4448, section 4.6) and without; then IP, PPP or HDLC behind a control word.
    """
    if len(data) < at + 1:
        return Skip.CUT_HEADER
    nibble = data[at] >> 4
    if nibble in (4, 6) and is_ip(data, at, end):
        return Datagram(nibble, at, around)
    if nibble == ASSOCIATED_CHANNEL:
        return Skip.NOT_IP
    words = (4, 0) if nibble == 0 else (0,)
    for size in words:
        if is_ethernet(data, at + size, end):
            return Follows(Numbers.LINK_TYPE, 1, at + size, around)
    for size in words:
        behind = at + size
        if size and is_ip(data, behind, end, summed=True):
            return Datagram(data[behind] >> 4, behind, around)
        if data[behind : behind + 3] == b"\xff\x03\x00":
            return Follows(Numbers.LINK_TYPE, 9, behind, around)
        if data[behind : behind + 2] in (b"\x0f\x00", b"\x8f\x00"):
            return Follows(Numbers.LINK_TYPE, 104, behind, around)
    if nibble in (4, 6):
        return Datagram(nibble, at, around)  # its header is not right: that is what shall be said of it
    return Skip.CUT_HEADER if len(data) < min(at + 20, end) else Skip.TUNNEL
