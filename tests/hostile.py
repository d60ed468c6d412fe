"""Flows made to cost much: one 4-tuple in which something differs again and again. ``KINDS`` gives them by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pcapcheck.decode.segment import ACK, FIN, RST, SYN, IcmpError, Segment

One = Segment | IcmpError

CLIENT, SERVER = (b"\xc0\x00\x02\x01", 1025), (b"\xc6\x33\x64\x02", 80)
STEP: Final = 1009 * 65537  # between numbers that have nothing to do with each other
ISN: Final = 1000


def sent(seq: int, ack: int, flags: int, octets: int = 0, *, vlan: int = -1, ip_id: int = 0, back: bool = False) -> One:
    (src, src_port), (dst, dst_port) = (SERVER, CLIENT) if back else (CLIENT, SERVER)
    numbers = seq % 2**32, ack % 2**32
    return Segment(src, dst, src_port, dst_port, *numbers, flags, 60_000, octets, 64, ip_id, 0, b"", 0, 0, vlan, "")


def answer(seq: int, ack: int, flags: int, octets: int = 0, *, vlan: int = -1) -> One:
    return sent(seq, ack, flags, octets, vlan=vlan, back=True)


def error(seq: int, number: int) -> One:
    """An ICMP error from a reporter of its own."""
    reporter = (0xCB007100 + number).to_bytes(4)
    return IcmpError(reporter, CLIENT[0], SERVER[0], CLIENT[1], SERVER[1], seq % 2**32, 4, 3, 1, 64, 1, -1, "")


def handshake(isn: int, *, vlan: int = -1) -> list[One]:
    return [
        sent(isn, 0, SYN, vlan=vlan),
        answer(isn + 7, isn + 1, SYN | ACK, vlan=vlan),
        sent(isn + 1, isn + 8, ACK, vlan=vlan),
    ]


SYN_SENT: Final = [sent(ISN, 0, SYN)]
OPEN: Final = handshake(ISN)

# By name: what comes first, and what comes then again and again, by number.
KINDS: Final[dict[str, tuple[list[One], Callable[[int], list[One]]]]] = {
    "isns": ([], lambda n: [sent(n * STEP, 0, SYN)]),
    "isns of both sides": ([], lambda n: [sent(n * STEP, 0, SYN, back=n % 2 == 1)]),
    "handshakes": ([], lambda n: [*handshake(n * STEP), sent(n * STEP + 1, 0, RST)]),
    "handshakes in VLANs": ([], lambda n: handshake(n * STEP, vlan=n)),
    "copies": ([], lambda n: [sent(n * STEP, 0, SYN, ip_id=n + 1)] * 2),
    "SYN-ACKs": (SYN_SENT, lambda n: [answer(n * STEP, ISN + 1, SYN | ACK)]),
    "SYN-ACKs before their SYN": ([], lambda n: [answer(7, n * STEP + 1, SYN | ACK), sent(n * STEP, 0, SYN)]),
    "SYN-ACKs without SYN": ([], lambda n: [answer(7, n * STEP, SYN | ACK)]),
    "SYN-ACKs and wrong ACKs": (
        SYN_SENT,
        lambda n: [answer(n * STEP, ISN + 1, SYN | ACK), sent(ISN + 1, 77 + n * STEP, ACK)],
    ),
    "SYN-ACKs and data of the server": (
        SYN_SENT,
        lambda n: [
            answer(10**9 + 200 * n, ISN + 1, SYN | ACK),
            answer(10**9 + 200 * n + 5, ISN + 1, ACK, 50),
            sent(ISN + 1, 10**9 - 3 * n, ACK),
        ],
    ),
    "SYN-ACKs and RSTs": (
        SYN_SENT,
        lambda n: [answer(n * STEP, ISN + 1, SYN | ACK), sent(ISN + 5 + n, 0, RST), answer(n * STEP + 9, 0, RST)],
    ),
    "SYN-ACKs and segments behind a gap": (
        SYN_SENT,
        lambda n: [answer(n * STEP, ISN + 1, SYN | ACK), sent(ISN + 21 + n, n * STEP + 2**29, ACK)],
    ),
    "wrong SYN-ACKs and segments behind a gap": (
        [*SYN_SENT, answer(9000, ISN + 1, SYN | ACK)],
        lambda n: [answer(n * STEP, 5001 + n, SYN | ACK), sent(ISN + 101 + n, 9500 + n, ACK, 10)],
    ),
    "wrong SYN-ACKs, each reset": (
        SYN_SENT,
        lambda n: [answer(n * STEP, 5001 + n, SYN | ACK), sent(5001 + n, 0, RST)],
    ),
    "SYN-ACKs that both sides agree on": (
        SYN_SENT,
        lambda n: [
            answer(77, n * STEP, SYN | ACK),
            sent(n * STEP, 78, ACK, 10),
            answer(78, n * STEP + 10, ACK),
        ],
    ),
    "SYN-ACKs of an open connection": (
        OPEN,
        lambda n: [answer(9000 + n * STEP, ISN + 1, SYN | ACK), sent(ISN + 1, ISN + 8, ACK, 10)],
    ),
    "RSTs": (SYN_SENT, lambda n: [sent(ISN + 1 + n, 0, RST), answer(n * STEP, ISN + 1, RST)]),
    "RSTs of an open connection": (
        OPEN,
        lambda n: [
            sent(2001 + n, 0, RST),
            answer(n * STEP, 0, RST),
            answer(ISN + 8, ISN + 1, ACK, 10),
            sent(ISN + 1, ISN + 18, ACK, 10),
        ],
    ),
    "RSTs of a flow that was open": (
        [sent(ISN, 9000, ACK, 5)],
        lambda n: [sent(2001 + n, 0, RST), answer(n * STEP, 1001 + n, RST | ACK)],
    ),
    "FINs and RSTs": (
        OPEN,
        lambda n: [sent(ISN + 1 + n, 8, FIN | ACK), answer(9001 + n, 1001, FIN | ACK), sent(3001 + n, 9001, RST)],
    ),
    "challenge ACKs": (
        [],
        lambda n: [sent(ISN + n * STEP, 0, SYN), answer(77 + n, 99 + n, ACK), sent(99 + n, 0, RST)],
    ),
    "ICMP errors": (SYN_SENT, lambda n: [error(ISN, n)]),
    "ICMP errors about many SYNs": (
        [],
        lambda n: [sent(n * STEP, 0, SYN), error(n * STEP, n), error(n * STEP // 2, n)],
    ),
    "old duplicates": (
        [sent(0, 0, SYN)],
        lambda n: [answer(7, n * STEP + 1, SYN | ACK), sent((n + 1) * STEP, 0, SYN), sent(n * STEP + 1, 0, RST)],
    ),
    "old duplicates with data": (
        [sent(0, 0, SYN, 3)],
        lambda n: [
            answer(7, n * STEP + 1, SYN | ACK),
            sent((n + 1) * STEP, 0, SYN, 3),
            sent(n * STEP + 1, 0, RST),
            answer(9, n * STEP + 2, SYN | ACK),
        ],
    ),
    "SYN-ACKs of both sides": (
        [sent(ISN, 0, SYN), answer(5000, 0, SYN)],
        lambda n: [sent(ISN, 5001 + n, SYN | ACK), answer(5000, ISN + 2 + n, SYN | ACK), sent(ISN + 1, n * STEP, ACK)],
    ),
    "SYNs, FINs and RSTs": ([], lambda n: [sent(n, n, (SYN, FIN | ACK, RST | ACK)[n % 3], back=n % 2 == 1)]),
}  # fmt: skip


def captured(kind: str, times: int, apart_ns: int = 10**7) -> list[tuple[int, int, One]]:
    """So many times: frame number, time and what the frame holds. Copies come at the same time."""
    first, again = KINDS[kind]
    found: list[tuple[int, int, One]] = []
    time = 0
    for one in (*first, *(one for number in range(times) for one in again(number))):
        if not found or one is not found[-1][2]:
            time += apart_ns
        found.append((len(found) + 1, time, one))
    return found
