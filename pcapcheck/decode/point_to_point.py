"""Point-to-point links: PPP in all its frames, Cisco's HDLC, frame relay."""

from __future__ import annotations

from pcapcheck.decode.link_layers import nlpid, tagged
from pcapcheck.decode.place import Around, Follows, Found, Numbers
from pcapcheck.decode.segment import Skip


def ppp(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 1661, section 2, behind RFC 1662's address and control octets where they are not compressed away."""
    if data[start : start + 2] == b"\xff\x03":
        start += 2
    if len(data) <= start:
        return Skip.CUT_HEADER
    if data[start] & 1:  # section 6.5: an odd first octet is the whole protocol field
        return Follows(Numbers.PPP, data[start], start + 1, around)
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    return Follows(Numbers.PPP, data[start] << 8 | data[start + 1], start + 2, around)


def multilink(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 1990, section 3, with the long sequence number: a packet that was not split is opened."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    return ppp(data, start + 4, end, around) if data[start] & 0xC0 == 0xC0 else Skip.LINK_FRAGMENT


def bridged(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 3518, section 4.2: flags, MAC type, and the LAN identifier where its flag is set."""
    if len(data) < start + 2:
        return Skip.CUT_HEADER
    size = 6 if data[start] & 0x40 else 2
    return Follows(Numbers.LINK_TYPE, 1, start + size, around) if data[start + 1] == 1 else Skip.NOT_IP


def hdlc(data: bytes, start: int, end: int, around: Around) -> Found:
    """PPP or Cisco's HDLC: the address says which (RFC 1547, section 4.3.1)."""
    if len(data) <= start:
        return Skip.CUT_HEADER
    return (cisco_hdlc if data[start] in (0x0F, 0x8F) else ppp)(data, start, end, around)


def cisco_hdlc(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 1547, section 4.3.1: address, control, ethertype."""
    if len(data) < start + 4:
        return Skip.CUT_HEADER
    return tagged(data[start + 2] << 8 | data[start + 3], data, start + 4, around)


def frame_relay(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 2427, section 3: an address that ends with a set bit, then control and NLPID; or Cisco's ethertype."""
    at = start
    while at < start + 4 and at < len(data) and not data[at] & 1:
        at += 1
    at += 1
    if len(data) < at + 2:
        return Skip.CUT_HEADER
    if data[at] == 3:
        at += 2 if data[at + 1] == 0 else 1  # a pad octet, so that what follows is aligned
        return nlpid(data, at, end, around)
    return tagged(data[at] << 8 | data[at + 1], data, at + 2, around)


def pppoe(data: bytes, start: int, end: int, around: Around) -> Found:
    """RFC 2516, section 4: a session's data (code 0)."""
    if len(data) < start + 6:
        return Skip.CUT_HEADER
    if data[start] != 0x11:
        return Skip.BAD_HEADER
    return ppp(data, start + 6, end, around.inside("pppoe")) if data[start + 1] == 0 else Skip.NOT_IP


def directed(data: bytes, start: int, end: int, around: Around) -> Found:
    """PPP behind an octet for the direction (LINKTYPE_PPP_PPPD, LINKTYPE_PPP_WITH_DIR)."""
    if data[start : start + 2] == b"\xff\x03":  # some have none
        return ppp(data, start, end, around)
    return ppp(data, start + 1, end, around)
