"""Writes segments down in the notation, for the messages of tests."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Final

from pcapcheck import seq
from pcapcheck.decode.segment import (
    ACK,
    BAD,
    NOT_CHECKED,
    OPTIONS_UNSEEN,
    PARTIAL,
    RESERVED,
    SYN,
    WINDOW_UNSEEN,
    IcmpError,
    Segment,
)
from pcapcheck.testing.exchange import START_NS
from pcapcheck.testing.modifiers import ECN_MARKS
from pcapcheck.testing.notation import FLAGS, Endpoint
from pcapcheck.testing.options import format_options

_FAR: Final = 10_000_000  # a number so far from the ISN belongs to another connection: written as it is
_ECN: Final = {number: mark for mark, number in ECN_MARKS.items()}
Flow = frozenset[Endpoint]


def format_exchange(segments: Iterable[tuple[int, int, Segment | IcmpError]]) -> str:
    """The lines that ``parse_exchange`` turns into these segments again.

    Frame numbers follow in comments where they do not simply run on. Tunnels cannot be written.
    """
    segments = list(segments)
    sides = _sides(content for _, _, content in segments)
    lines, before, clock, sent = [], None, START_NS, Counter[bytes]()
    for count, (number, time_ns, content) in enumerate(segments, start=1):
        flow = _flow(content)
        (client, client_isn), (server, server_isn) = sides[flow]
        if flow != before:
            lines.append(f"client {_endpoint(client)} server {_endpoint(server)} isn {client_isn} {server_isn}")
            before = flow
        quoted_by_client = client == (content.src, content.src_port)
        if isinstance(content, Segment):
            sender = content.src
            upward = quoted_by_client
            body = _segment(content, *((client_isn, server_isn) if upward else (server_isn, client_isn)))
        else:
            sender = content.reporter
            upward = not quoted_by_client
            body = _icmp_error(content, server_isn if upward else client_isn)
        sent[sender] += 1
        words = [_span(time_ns - clock).ljust(6), ">" if upward else "<", body, *_ip_header(content, sent[sender])]
        lines.append(" ".join(words) + (f"  # frame {number}" if number != count else ""))
        clock = time_ns
    return "\n".join(lines) + "\n"


def _flow(content: Segment | IcmpError) -> Flow:
    return frozenset({Endpoint(content.src, content.src_port), Endpoint(content.dst, content.dst_port)})


def _sides(contents: Iterable[Segment | IcmpError]) -> dict[Flow, tuple[tuple[Endpoint, int], tuple[Endpoint, int]]]:
    """Client and server of each flow with their ISNs: the numbers of the first SYNs, else the first numbers seen."""
    clients: dict[Flow, tuple[bool, Endpoint, Endpoint]] = {}
    isns: dict[tuple[Flow, Endpoint], tuple[bool, int]] = {}
    for content in contents:
        flow = _flow(content)
        ends = Endpoint(content.src, content.src_port), Endpoint(content.dst, content.dst_port)
        syn = isinstance(content, Segment) and bool(content.tcp_flags & SYN)
        opening = syn and isinstance(content, Segment) and not content.tcp_flags & ACK
        if flow not in clients or opening > clients[flow][0]:
            clients[flow] = opening, *(ends[::-1] if syn and not opening else ends)
        if (flow, ends[0]) not in isns or syn > isns[flow, ends[0]][0]:
            isns[flow, ends[0]] = syn, content.seq
    return {
        flow: ((client, isns.get((flow, client), (False, 0))[1]), (server, isns.get((flow, server), (False, 0))[1]))
        for flow, (_, client, server) in clients.items()
    }


def _segment(segment: Segment, isn: int, peer_isn: int) -> str:
    letters = "".join(letter for letter, bit in FLAGS.items() if segment.tcp_flags & bit) or "-"
    words = [letters.ljust(2), _numbers(segment.seq, isn, segment.payload_length)]
    if segment.tcp_flags & ACK or segment.ack:
        words.append(f"ack {_number(segment.ack, peer_isn)}")
    words.append(f"win {segment.window}")
    options, cut = segment.options, None
    if segment.unseen & OPTIONS_UNSEEN:
        # What was cut off is unknown: any octets that make the header longer than what was captured will do.
        options += b"\1" * (4 - len(options) % 4)
        cut = 20 + len(segment.options)
    elif segment.tcp_flags & SYN and segment.checksum == NOT_CHECKED and segment.payload_length:
        cut = 20 + len(options)
    if segment.unseen & WINDOW_UNSEEN:
        cut = 14
    if options:
        words.append(f"<{format_options(options)}>")
    if cut is not None:
        words.append(f"cut {cut}")
    elif segment.tcp_flags & SYN and segment.checksum == NOT_CHECKED:
        words.append("frag first")
    words += {BAD: ["badsum"], PARTIAL: ["partialsum"]}.get(segment.checksum, [])
    words += [f"ecn {_ECN[segment.ecn]}"] if segment.ecn else []
    words += [f"reserved {segment.tcp_flags >> 9}"] if segment.tcp_flags & RESERVED else []
    return " ".join(words)


def _icmp_error(error: IcmpError, isn: int) -> str:
    name = "icmp" if error.icmp_version == 4 else "icmp6"
    text = f"{name} {error.icmp_type}/{error.icmp_code} quotes {_number(error.seq, isn)}"
    return text if error.reporter == error.dst else f"{text} from {ipaddress.ip_address(error.reporter)}"


def _ip_header(content: Segment | IcmpError, running_id: int) -> list[str]:
    words = [f"ttl {content.ttl}"] if content.ttl != 64 else []
    words += [f"id {content.ip_id}"] if content.ip_id not in (-1, running_id & 0xFFFF) else []
    words += [f"vlan {content.vlan}"] if content.vlan >= 0 else []
    return words


def _numbers(number: int, isn: int, length: int) -> str:
    start = _number(number, isn)
    equals, value = ("=", number) if start.startswith("=") else ("", int(start))
    return f"{start}:{equals}{value + length}({length})"


def _number(number: int, isn: int) -> str:
    distance = seq.diff(number, isn)
    return str(distance) if abs(distance) < _FAR else f"={number}"


def _span(nanoseconds: int) -> str:
    seconds, rest = divmod(abs(nanoseconds), 10**9)
    decimals = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if nanoseconds < 0 else '+'}{seconds or (0 if not decimals else '')}{decimals}"


def _endpoint(endpoint: Endpoint) -> str:
    address = ipaddress.ip_address(endpoint.address)
    return f"[{address}]:{endpoint.port}" if address.version == 6 else f"{address}:{endpoint.port}"
