"""The table of packets: one row a packet, all that its octets are made of."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Packets = Any  # a NumPy array of PACKET rows

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10

# What stands after the fixed header. The order of the options is that of Linux.
BARE, TS, TS_SACK, SACK, SYN_TS, SYN_PLAIN, DATAGRAM = range(7)

PACKET: Final = np.dtype(
    [
        ("time", "i8"),  # nanoseconds since 1970 at the point of capture
        ("source", "u4"),  # an IPv4 address; an IPv6 address is made of this number
        ("target", "u4"),
        ("source_port", "u2"),
        ("target_port", "u2"),
        ("seq", "u4"),
        ("ack", "u4"),
        ("tsval", "u4"),
        ("tsecr", "u4"),
        ("sack_from", "u4"),
        ("sack_to", "u4"),
        ("salt", "u4"),  # with the sequence number, it says which octets are the payload
        ("owner", "u4"),  # of one block: connection x 2 + side
        ("window", "u2"),
        ("octets", "u2"),  # payload
        ("ip_id", "u2"),
        ("mss", "u2"),
        ("vlan", "u2"),  # 0: untagged
        ("tcp_flags", "u1"),
        ("ttl", "u1"),
        ("form", "u1"),  # BARE ... DATAGRAM
        ("wscale", "u1"),
        ("ipv6", "?"),
        ("from_client", "?"),
    ]
)


def packets(number: int, **columns: Any) -> Packets:
    """Rows with these columns, the others 0."""
    rows = np.zeros(number, PACKET)
    for name, values in columns.items():
        rows[name] = values
    return rows
