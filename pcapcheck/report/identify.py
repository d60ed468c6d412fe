"""How to find a handshake again: addresses, times and frames as text, and a Wireshark display filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.report.escape import escaped
from pcapcheck.rules import Finding
from pcapcheck.stretch import CaptureFacts
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
    import socket  # costs a moment, and a summary may name no address

    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)


def endpoint(address: bytes, port: int) -> str:
    """Address and port: 192.0.2.1:80, [2001:db8::1]:80 (RFC 3986, section 3.2.2)."""
    return _socket(address_text(address), port)


def _socket(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def numbers_and_files(facts: CaptureFacts, frames: Sequence[int]) -> tuple[list[int], list[str]]:
    """Frames of a capture by their numbers in their files, and the file of each."""
    if facts.numbering is None:
        return list(frames), [facts.path] * len(frames)
    files, numbers = facts.places(np.array(frames, np.int64))
    return numbers.tolist(), [facts.files[file].path for file in files.tolist()]


def frames_text(facts: CaptureFacts, frames: Sequence[int]) -> str:
    """``3, 17``; of a capture that came in several files ``3, 17 of x.pcap1, 2 of x.pcap2``."""
    numbers, files = numbers_and_files(facts, frames)
    if len(facts.files) == 1:
        return ", ".join(map(str, numbers))
    return ", ".join(
        f"{', '.join(str(number) for _, number in together)} of {escaped(file)}"
        for file, together in groupby(zip(files, numbers, strict=True), key=itemgetter(0))
    )


def wireshark_filter(
    client: bytes, client_port: int, server: bytes, server_port: int, first: int, last: int, *, by_time: bool = False
) -> str:
    """A display filter that shows the frames of one handshake, ICMP errors about it included.

    ``first`` and ``last`` are frame numbers, ABSENT where the flow needs no bound; of a capture that came in several
    files times, which are true in each of them.
    """
    ip = "ip" if len(client) == 4 else "ipv6"
    return (
        f"{ip}.addr == {address_text(client)} && {ip}.addr == {address_text(server)}"
        f" && tcp.port == {client_port} && tcp.port == {server_port}"
        + (_bound(">=", first, by_time) if first > 0 else "")
        + (_bound("<=", last, by_time) if last > 0 else "")
    )


def _bound(relation: str, value: int, by_time: bool) -> str:
    if not by_time:
        return f" && frame.number {relation} {value}"
    seconds, rest = divmod(value, 10**9)
    return f" && frame.time_epoch {relation} {seconds}.{rest:09}"


def finding_filter(report: Report) -> Callable[[Finding], str]:
    """What gives a display filter that shows the frames of a finding: of its handshake, or those that it names.

    Of the frames that a finding about a capture names, those in the file of the first; empty where it names none.
    """

    def filter(finding: Finding) -> str:
        if finding.handshake == ABSENT:
            numbers, files = numbers_and_files(report.capture_facts[finding.capture], finding.frames)
            shown = [number for number, file in zip(numbers, files, strict=True) if file == files[0]]
            return " || ".join(f"frame.number == {frame}" for frame in shown)
        capture, index = report.judged[finding.capture], finding.handshake
        handshakes = capture.traffic.handshakes
        return wireshark_filter(
            handshakes.client_address[index],
            int(handshakes.client_port[index]),
            handshakes.server_address[index],
            int(handshakes.server_port[index]),
            int(capture.kept.filter_from[index]),
            int(capture.kept.filter_to[index]),
            by_time=bool(capture.facts.parts),
        )

    return filter
