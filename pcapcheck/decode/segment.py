"""What a frame holds: a TCP segment, an ICMP error that quotes one, or neither for a counted reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

# tcp_flags: the twelve bits of RFC 9293, section 3.1, with AE from RFC 9768.
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR, AE = (1 << bit for bit in range(9))
RESERVED = 0xE00

# What the snaplen cut off a TCP header (14 octets of it still hold ports, seq, ack and flags).
WINDOW_UNSEEN = 1
OPTIONS_UNSEEN = 2

# The TCP checksum of a SYN segment; PARTIAL is what a sender leaves for its network card to finish (offload).
NOT_CHECKED, GOOD, BAD, PARTIAL = range(4)


class Segment(NamedTuple):
    """A TCP header found in a frame. A header quoted by an ICMP error is not one."""

    src: bytes  # 4 or 16 octets
    dst: bytes
    src_port: int
    dst_port: int
    seq: int
    ack: int  # the field as it stands, also without the ACK flag
    tcp_flags: int
    window: int  # unscaled; 0 where WINDOW_UNSEEN
    payload_length: int  # from the IP length, not from the frame
    ttl: int  # or hop limit
    ip_id: int  # -1 where there is none (IPv6)
    ecn: int  # the two bits of the IP header
    options: bytes  # the option octets that were captured
    unseen: int  # WINDOW_UNSEEN | OPTIONS_UNSEEN
    checksum: int  # NOT_CHECKED (all but SYN segments), GOOD, BAD or PARTIAL
    vlan: int  # the outermost tag's VLAN id, -1 if none
    tunnel: str  # the innermost of tables.TUNNELS that it was wrapped in, "" if none
    tenant: int = 0  # number of the virtual network and kind of tunnel, as in openings.FlowKey; 0 if none


class IcmpError(NamedTuple):
    """An ICMP or ICMPv6 error that quotes a TCP segment: addresses and numbers are the quoted segment's."""

    reporter: bytes  # who sent the error
    src: bytes
    dst: bytes
    src_port: int
    dst_port: int
    seq: int
    icmp_version: int  # 4 or 6
    icmp_type: int
    icmp_code: int
    ttl: int
    ip_id: int
    vlan: int
    tunnel: str
    tenant: int = 0


class Skip(StrEnum):
    """Why a frame holds no segment to judge. Counted in every report."""

    NOT_IP = "not IP"
    NOT_TCP = "IP, but not TCP"
    FRAGMENT = "a fragment"
    REASSEMBLED = "a fragment, put together with others"
    CUT_HEADER = "headers cut by the snaplen"
    BAD_HEADER = "a malformed header"
    UNKNOWN_LINK_TYPE = "unknown link type"
    USER_LINK_TYPE = "a private link type (USER0 to USER15)"
    ENCRYPTED = "encrypted"
    TUNNEL = "a tunnel that is not decoded"
    TOO_DEEP = "nested too deep"
    LINK_FRAGMENT = "a piece of a packet that the link split"
    AGGREGATE = "several packets in one frame (A-MSDU)"
    ICMP = "ICMP that quotes no TCP"
