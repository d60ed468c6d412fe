"""How to find a handshake again: addresses and times as text, and a Wireshark display filter."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.rules import Finding
from pcapcheck.tables import ABSENT

if TYPE_CHECKING:
    from pcapcheck.report.report import Report


class Parties(NamedTuple):
    """The two ends of a handshake."""

    client_ip: str
    client_port: int
    server_ip: str
    server_port: int

    @property
    def client(self) -> str:
        """Address and port of the client."""
        return _socket(self.client_ip, self.client_port)

    @property
    def server(self) -> str:
        """Address and port of the server."""
        return _socket(self.server_ip, self.server_port)


def parties(report: Report, finding: Finding) -> Parties | None:
    """The two ends of the handshake that a finding is about; None where it is about the capture."""
    if finding.handshake == ABSENT:
        return None
    handshakes, index = report.judged[finding.capture].traffic.handshakes, finding.handshake
    return Parties(
        address_text(handshakes.client_address[index]),
        int(handshakes.client_port[index]),
        address_text(handshakes.server_address[index]),
        int(handshakes.server_port[index]),
    )


def time_text(time: int) -> str:
    """A time as text, to the nanosecond: 2026-01-31T12:00:00.000000000Z."""
    if time == NO_TIME:
        return "no time"
    seconds, rest = divmod(time, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


@lru_cache(maxsize=1 << 16)
def address_text(address: bytes) -> str:
    """The address as text: 192.0.2.1, 2001:db8::1."""
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def endpoint(address: bytes, port: int) -> str:
    """Address and port: 192.0.2.1:80, [2001:db8::1]:80 (RFC 3986, section 3.2.2)."""
    return _socket(address_text(address), port)


def _socket(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def wireshark_filter(client: bytes, client_port: int, server: bytes, server_port: int, first: int, last: int) -> str:
    """A display filter that shows the frames of one handshake, ICMP errors about it included.

    ``first`` and ``last`` are frame numbers, ABSENT where the flow needs no bound.
    """
    ip = "ip" if len(client) == 4 else "ipv6"
    return (
        f"{ip}.addr == {address_text(client)} && {ip}.addr == {address_text(server)}"
        f" && tcp.port == {client_port} && tcp.port == {server_port}"
        + (f" && frame.number >= {first}" if first != ABSENT else "")
        + (f" && frame.number <= {last}" if last != ABSENT else "")
    )


def finding_filter(report: Report) -> Callable[[Finding], str]:
    """What gives a display filter that shows the frames of a finding: of its handshake, or those that it names.

    Empty where a finding about a capture names none.
    """

    def filter(finding: Finding) -> str:
        if finding.handshake == ABSENT:
            return " || ".join(f"frame.number == {frame}" for frame in finding.frames)
        capture, index = report.judged[finding.capture], finding.handshake
        handshakes = capture.traffic.handshakes
        return wireshark_filter(
            handshakes.client_address[index],
            int(handshakes.client_port[index]),
            handshakes.server_address[index],
            int(handshakes.server_port[index]),
            int(capture.first_frame[index]),
            int(capture.last_frame[index]),
        )

    return filter
