"""Whether octets are what they would be: asked where nothing but a port or a guess says what they are.

RFC 791, section 3.1; RFC 8200, section 3; IEEE 802.3.
"""

from __future__ import annotations

from typing import Final

from pcapcheck.decode.compiled import ones_complement_sum

IP4_HEADER, IP6_HEADER, MAC_HEADER = 20, 40, 14
TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
# What an Ethernet frame without IP may carry, of what is common inside pseudowires.
NOT_IP_BUT_USUAL: Final = frozenset({0x0806, 0x8035, 0x8847, 0x8848, 0x8863, 0x8864, 0x88CC, 0x9000})


def is_ip(data: bytes, start: int, end: int, version: int = 0, *, summed: bool = False) -> bool:
    """Whether an IP header may stand here: its version (the one asked for, if any), and its lengths, which must fit.

    With ``summed`` nothing else is left to say so, and more is asked for: IPv4's header checksum must be right, IPv6's
    payload must fill the room exactly.
    """
    if len(data) <= start or data[start] >> 4 not in ((version,) if version else (4, 6)):
        return False
    if data[start] >> 4 == 4:
        size = (data[start] & 0xF) * 4
        if size < IP4_HEADER or len(data) < start + (size if summed else 4):
            return False
        total = data[start + 2] << 8 | data[start + 3]
        # A total length of 0 is left for the network card to fill in (segmentation offload).
        if not (size <= total <= end - start or (total == 0 and not summed)):
            return False
        return not summed or ones_complement_sum(data[start : start + size]) == 0xFFFF
    if len(data) < start + (IP6_HEADER if summed else 6):
        return False
    length = data[start + 4] << 8 | data[start + 5]
    return length == end - start - IP6_HEADER if summed else length <= end - start - IP6_HEADER


def is_summed(data: bytes, start: int) -> bool:
    """Whether an IPv4 header with a right checksum stands here, whatever its total length says."""
    size = (data[start] & 0xF) * 4
    whole = data[start] >> 4 == 4 and IP4_HEADER <= size <= len(data) - start
    return whole and ones_complement_sum(data[start : start + size]) == 0xFFFF


def is_ethernet(data: bytes, start: int, end: int, *, summed: bool = False) -> bool:
    """Whether an Ethernet frame may stand here: behind its tags an IP header as ``is_ip`` asks for, or ARP and such."""
    at = start + MAC_HEADER
    while len(data) >= at:
        ethertype = data[at - 2] << 8 | data[at - 1]
        if ethertype in TAGS:
            at += 4
        elif ethertype == 0x0800:
            return is_ip(data, at, end, 4, summed=summed)
        elif ethertype == 0x86DD:
            # An Ethernet frame may be padded behind its payload.
            return is_ip(data, at, end, 6)
        else:
            return ethertype in NOT_IP_BUT_USUAL
    return False
