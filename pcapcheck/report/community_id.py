"""Community ID: the name of a flow on which Zeek, Suricata, Wireshark and others agree."""

from __future__ import annotations

import socket
from binascii import b2a_base64
from hashlib import sha1
from typing import Final

_SEED: Final = bytes(2)
_PROTOCOL_AND_PADDING: Final = bytes([socket.IPPROTO_TCP, 0])


def community_id(source: bytes, source_port: int, destination: bytes, destination_port: int) -> str:
    """Community ID, version 1, seed 0, of a TCP flow: the same for both directions."""
    one, other = (source, source_port.to_bytes(2)), (destination, destination_port.to_bytes(2))
    if other < one:
        one, other = other, one
    octets = _SEED + one[0] + other[0] + _PROTOCOL_AND_PADDING + one[1] + other[1]
    return "1:" + b2a_base64(sha1(octets, usedforsecurity=False).digest(), newline=False).decode("ascii")
