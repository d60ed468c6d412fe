"""How to find a handshake again, here and in other tools: addresses as text, Community ID, Wireshark display filter."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Final

_PROTOCOL_AND_PADDING: Final = bytes([socket.IPPROTO_TCP, 0])
_SEED: Final = bytes(2)


@lru_cache(maxsize=1 << 16)
def address_text(address: bytes) -> str:
    """The address as text: 192.0.2.1, 2001:db8::1."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def endpoint(address: bytes, port: int) -> str:
    """Address and port: 192.0.2.1:80, [2001:db8::1]:80 (RFC 3986, section 3.2.2)."""
    return f"{address_text(address)}:{port}" if len(address) == 4 else f"[{address_text(address)}]:{port}"


def community_id(source: bytes, source_port: int, destination: bytes, destination_port: int) -> str:
    """Community ID, version 1, seed 0, of a TCP flow: the same for both directions."""
    from binascii import b2a_base64
    from hashlib import sha1

    one, other = (source, source_port.to_bytes(2)), (destination, destination_port.to_bytes(2))
    if other < one:
        one, other = other, one
    octets = _SEED + one[0] + other[0] + _PROTOCOL_AND_PADDING + one[1] + other[1]
    return "1:" + b2a_base64(sha1(octets, usedforsecurity=False).digest(), newline=False).decode("ascii")


def wireshark_filter(
    client: bytes, client_port: int, server: bytes, server_port: int, first_frame: int, last_frame: int
) -> str:
    """A display filter that shows the frames of one handshake, ICMP errors about it included."""
    ip = "ip" if len(client) == 4 else "ipv6"
    return (
        f"{ip}.addr == {address_text(client)} && {ip}.addr == {address_text(server)}"
        f" && tcp.port == {client_port} && tcp.port == {server_port}"
        f" && frame.number >= {first_frame} && frame.number <= {last_frame}"
    )
