"""Reads the notation: text to an exchange."""

from __future__ import annotations

import heapq
import ipaddress
import re
from collections import Counter
from typing import Final, NamedTuple

from pcapcheck import seq
from pcapcheck.decode.segment import ACK, AE, CWR, ECE, FIN, GOOD, PSH, RST, SYN, URG, IcmpError, Segment
from pcapcheck.testing.exchange import SNAPLEN, START_NS, Exchange, Line
from pcapcheck.testing.modifiers import read_modifiers, vlan_ids
from pcapcheck.testing.octets import Wire
from pcapcheck.testing.options import option_octets
from pcapcheck.testing.scanner import Scanner

FLAGS: Final = {"S": SYN, "F": FIN, "R": RST, "P": PSH, ".": ACK, "U": URG, "E": ECE, "W": CWR, "e": AE}
_SEQUENCE: Final = r"(=?)(-?\d+)(?:(?::=?(-?\d+))?\((\d+)\))?"  # start, end, length
_NANOSECONDS: Final = 10**9
_LONGEST_PAYLOAD: Final = 65_535 - 20 - 60  # with the longest headers


class Endpoint(NamedTuple):
    """An address and a port."""

    address: bytes
    port: int


class Settings(NamedTuple):
    """What holds for the lines below."""

    client: Endpoint = Endpoint(bytes([192, 0, 2, 1]), 49152)
    server: Endpoint = Endpoint(bytes([198, 51, 100, 2]), 80)
    client_isn: int = 1000
    server_isn: int = 5000
    vlans: tuple[int, ...] = ()


def parse_exchange(text: str) -> Exchange:
    """The exchange that ``text`` describes, in the notation of ``pcapcheck.testing``."""
    description: list[str] = []
    reader = _Reader()
    for number, written in enumerate(text.splitlines(), start=1):
        line, mark, comment = written.partition("#")
        if line.strip():
            reader.read(Scanner(line.rstrip(), number))
        elif mark and reader.untouched:
            description.append(comment.strip())
    # Merged, not sorted: one flow stays as written even where its clock steps back.
    lines = heapq.merge(*reader.flows, key=lambda line: line.time_ns)
    return Exchange("\n".join(description), tuple(lines), reader.snaplen)


class _Reader:
    """The state that lines leave behind for those below."""

    def __init__(self) -> None:
        self.settings = self.opening = Settings()
        self.flows: list[list[Line]] = [[]]
        self.clock = START_NS
        self.snaplen = SNAPLEN
        self.sent: Counter[bytes] = Counter()  # frames by address, for the IP ids
        self.named = False  # a flow line was read
        self.untouched = True

    def read(self, scan: Scanner) -> None:
        self.untouched = False
        if scan.text[scan.at] in "+-.0123456789":
            self.clock = _time(scan, self.clock)
            line = self._line(scan)
            self.flows[-1].append(line)
        else:
            while not scan.ended:
                self._setting(scan)

    def _setting(self, scan: Scanner) -> None:
        word = scan.expect(
            r"client|server|isn|vlan|snaplen|flow", "a time or one of client, server, isn, vlan, snaplen, flow"
        )[0].strip()
        if word == "flow":
            scan.expect(r"\S+", "the name of the flow")
            if not self.named:
                self.opening, self.named = self.settings, True
            self.settings, self.clock = self.opening, START_NS
            self.flows.append([])
        elif word == "client":
            self.settings = self.settings._replace(client=_endpoint(scan))
        elif word == "server":
            self.settings = self.settings._replace(server=_endpoint(scan))
        elif word == "isn":
            client = scan.integer(seq.MODULUS - 1, "the client's ISN")
            server = scan.integer(seq.MODULUS - 1, "the server's ISN")
            self.settings = self.settings._replace(client_isn=client, server_isn=server)
        elif word == "vlan":
            self.settings = self.settings._replace(vlans=vlan_ids(scan))
        else:
            self.snaplen = scan.integer(SNAPLEN, "the snaplen")

    def _line(self, scan: Scanner) -> Line:
        if scan.accept("copy"):
            if not self.flows[-1]:
                scan.fail("a line before the copy", 0)
            last = self.flows[-1][-1]
            return read_modifiers(scan, Line(self.clock, last.content, last.wire))
        if scan.accept("arp"):
            return read_modifiers(scan, Line(self.clock, None, Wire(vlans=self.settings.vlans)))
        settings = self.settings
        start = scan.at
        upward = scan.expect("[<>]", "> (sent by the client), < (sent by the server), copy or arp")[0].strip() == ">"
        src, dst = (settings.client, settings.server) if upward else (settings.server, settings.client)
        if len(src.address) != len(dst.address):
            scan.fail("a client and a server that are both IPv4 or both IPv6", start)
        isns = settings.client_isn, settings.server_isn
        content: Segment | IcmpError
        if version := scan.accept("icmp6?"):
            content = _icmp_error(scan, 6 if "6" in version[0] else 4, src, dst, isns[upward])
            sender = content.reporter
        else:
            content = _segment(scan, src, dst, *(isns if upward else isns[::-1]))
            sender = src.address
        self.sent[sender] += 1
        ip_id = self.sent[sender] & 0xFFFF if len(sender) == 4 else -1
        wire = Wire(from_client=upward, vlans=settings.vlans)
        return read_modifiers(scan, Line(self.clock, content._replace(ip_id=ip_id), wire))


def _time(scan: Scanner, clock: int) -> int:
    match = scan.expect(r"([+-]?)(\d*)\.?(\d{0,9})", "a time in seconds with at most 9 decimals, such as +.020")
    if not match[2] and not match[3]:
        scan.fail("a time in seconds", match.start())
    span = int(match[2] or 0) * _NANOSECONDS + int(match[3].ljust(9, "0"))
    return {"+": clock + span, "-": clock - span, "": START_NS + span}[match[1]]


def _endpoint(scan: Scanner) -> Endpoint:
    start = scan.at
    match = scan.expect(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d+)", "ADDRESS:PORT or [ADDRESS]:PORT")
    try:
        address = ipaddress.IPv6Address(match[1]) if match[1] else ipaddress.IPv4Address(match[2])
    except ValueError:
        scan.fail("an IP address", start)
    if int(match[3]) > 0xFFFF:
        scan.fail("a port, 0 to 65535", start)
    return Endpoint(address.packed, int(match[3]))


def _number(scan: Scanner, raw: str, digits: str, isn: int, at: int) -> int:
    if raw and not 0 <= int(digits) < seq.MODULUS:
        scan.fail("a number of 32 bits after =", at)
    return int(digits) if raw else seq.add(isn, int(digits))


def _segment(scan: Scanner, src: Endpoint, dst: Endpoint, isn: int, peer_isn: int) -> Segment:
    letters = scan.expect(r"[SFRP.UEWe]+|-", "flags (S F R P . U E W e, or - for none)")[0].strip()
    tcp_flags = sum(FLAGS[letter] for letter in set(letters) - {"-"})
    at = scan.at
    match = scan.expect(_SEQUENCE, "a sequence number: 1:101(100), 1(100) or 1")
    number = _number(scan, match[1], match[2], isn, at)
    length = int(match[4] or 0)
    if match[3] and (int(match[2]) + length - int(match[3])) % seq.MODULUS:
        scan.fail(f"{int(match[2]) + length} as the end of {length} octets from {match[2]}", at)
    if length > _LONGEST_PAYLOAD:
        scan.fail(f"at most {_LONGEST_PAYLOAD} octets", at)
    ack = 0
    if scan.accept("ack"):
        at = scan.at
        match = scan.expect(r"(=?)(-?\d+)", "the acknowledgement number")
        ack = _number(scan, match[1], match[2], peer_isn, at)
    elif tcp_flags & ACK:
        scan.fail("ack NUMBER, as the flags have a dot")
    window = scan.integer(0xFFFF, "the window") if scan.accept("win") else 0xFFFF
    options = _options(scan, peer_isn)
    return Segment(
        src=src.address,
        dst=dst.address,
        src_port=src.port,
        dst_port=dst.port,
        seq=number,
        ack=ack,
        tcp_flags=tcp_flags,
        window=window,
        payload_length=length,
        ttl=64,
        ip_id=-1,
        ecn=0,
        options=options,
        unseen=0,
        checksum=GOOD,
        vlan=-1,
        tunnel="",
        tenant=0,
    )


def _options(scan: Scanner, peer_isn: int) -> bytes:
    start = scan.at + 1
    match = scan.accept("<([^<>]*)>")
    octets = b""
    for item in re.finditer(r"[^,]+", match[1]) if match else ():
        try:
            octets += option_octets(" ".join(item[0].split()), peer_isn)
        except ValueError as error:
            scan.fail(str(error), start + item.start())
    octets += b"\0" * (-len(octets) % 4)
    return octets if len(octets) <= 40 else scan.fail("at most 40 octets of options", start - 1)


def _icmp_error(scan: Scanner, version: int, reporter: Endpoint, quoted: Endpoint, isn: int) -> IcmpError:
    """An error sent to ``quoted``, about a segment that ``quoted`` sent to ``reporter``."""
    start = scan.at
    match = scan.expect(r"(\d+)/(\d+)", "ICMP TYPE/CODE")
    if len(quoted.address) != (4 if version == 4 else 16):
        scan.fail("icmp between IPv4 addresses, icmp6 between IPv6 addresses", start)
    if int(match[1]) > 255 or int(match[2]) > 255:
        scan.fail("a type and a code of 0 to 255", start)
    scan.expect("quotes", "quotes SEQUENCE-NUMBER")
    at = scan.at
    match_number = scan.expect(r"(=?)(-?\d+)", "the sequence number that is quoted")
    number = _number(scan, match_number[1], match_number[2], isn, at)
    address = reporter.address
    if scan.accept("from"):
        at = scan.at
        word = scan.expect(r"[0-9a-fA-F:.]+", "the address of the host that sent the error")[0].strip()
        try:
            address = ipaddress.ip_address(word).packed
        except ValueError:
            scan.fail("an IP address", at)
        if len(address) != len(quoted.address):
            scan.fail("an address of the same IP version", at)
    return IcmpError(
        reporter=address,
        src=quoted.address,
        dst=reporter.address,
        src_port=quoted.port,
        dst_port=reporter.port,
        seq=number,
        icmp_version=version,
        icmp_type=int(match[1]),
        icmp_code=int(match[2]),
        ttl=64,
        ip_id=-1,
        vlan=-1,
        tunnel="",
        tenant=0,
    )
