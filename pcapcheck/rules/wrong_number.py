"""What kind of wrong a number is, and why a segment of a client did not complete its handshake.

Only attempts that have failed already are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import FIN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import Event
from pcapcheck.judge import Ints, Traffic
from pcapcheck.openings import FAR, ICMP
from pcapcheck.rules.row_options import timestamps_of
from pcapcheck.tables import ABSENT

# As far as this a number still belongs to the connection; beyond it has nothing to do with it.
NEAR: Final = 2**20


def kind_of(actual: int, expected: int, isn: int, older: Iterable[int] = ()) -> str:
    """What kind of wrong a number is that should be ``expected``, in a sequence space that begins at ``isn``.

    ``older`` are the initial sequence numbers of earlier attempts of the same 4-tuple.
    """
    off = seq.diff(actual, expected)
    if off == -1:
        return "off by one: SYN or FIN was not counted"
    if off == 1:
        return "off by one: counted twice"
    if any(actual == seq.add(one, 1) for one in older if one not in (ABSENT, isn)):
        return "the number of an older SYN of this 4-tuple"
    if actual == 0:
        return "zero"
    if actual == seq.ahead(expected, isn):
        return "a relative number: the ISN was not added"
    if actual == int.from_bytes(expected.to_bytes(4), "little"):
        return "byte-swapped"
    return f"{abs(off)} too {'high' if off > 0 else 'low'}" if abs(off) < NEAR else "an unrelated number"


def flow_of(traffic: Traffic) -> Ints:
    """The flow of each handshake; a 4-tuple in two VLANs is two."""
    first = traffic.first(np.ones(len(traffic.rows), bool))
    return traffic.value("flow", first) * 2**13 + traffic.handshakes.vlan + 1


def older_isns(column: Ints, flow: Ints, handshake: int) -> list[int]:
    """The entries of an ISN column for the earlier attempts of the same 4-tuple."""
    return [int(isn) for isn in column[:handshake][flow[:handshake] == flow[handshake]]]


class Incomplete(NamedTuple):
    """Why one segment of a client is not acceptable to the server that sent ``synack``."""

    handshake: int
    row: int
    synack: int  # row
    part: str  # ack, seq or tsval: which number is the wrong one
    actual: int
    nearest: int  # the acceptable number that is nearest to it
    expected: str
    decidable: bool = True


class _Server(NamedTuple):
    """What a server takes after one of its SYN-ACKs."""

    synack: int  # row
    isn: int
    reach: int  # how far beyond its ISN it has sent
    rcv_nxt: int
    window_seen: bool

    def first(self) -> int:
        return seq.add(self.isn, 1)

    def last(self) -> int:
        return seq.add(self.isn, self.reach)


def incomplete_acks(traffic: Traffic) -> Iterator[Incomplete]:
    """Each client segment that stands where the completing one should, and cannot be it."""
    for handshake in traffic.count(traffic.event == Event.WRONG_ACK).nonzero()[0].tolist():
        start, end = np.searchsorted(traffic.handshake, [handshake, handshake + 1]).tolist()
        events = traffic.event[start:end]
        right = (events == Event.SYNACK).nonzero()[0]
        # Where no SYN-ACK was right, the wrong one still says which ISN the client must acknowledge. What a server
        # expects that acknowledged the wrong number is not known.
        synacks = right if len(right) else (events == Event.WRONG_SYNACK).nonzero()[0]
        servers = _servers(traffic, start, end, (start + synacks).tolist())
        for row in (start + (events == Event.WRONG_ACK).nonzero()[0]).tolist() if servers else ():
            ack = int(traffic.rows["ack"][row])
            # RFC 9293, 3.10.7.4, fifth: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state".
            taking = [server for server in servers if 0 < seq.ahead(ack, server.isn) <= server.reach]
            if not taking:
                # Shown is what the server had sent by then.
                (server,) = _servers(traffic, start, row, [servers[0].synack])
                numbers = sorted({server.first(), server.last()}, key=lambda number: abs(seq.diff(ack, number)))
                expected = " to ".join(str(number) for number in dict.fromkeys((server.first(), server.last())))
                yield Incomplete(handshake, row, server.synack, "ack", ack, numbers[0], expected)
            elif len(right):
                yield from _sequence_number(traffic, handshake, range(start, end), row, taking[0])


def _sequence_number(traffic: Traffic, handshake: int, span: range, row: int, server: _Server) -> Iterator[Incomplete]:
    """What is wrong with the place of a segment whose ACK is right."""
    rows, events = traffic.rows[span.start : span.stop], traffic.event[span.start : span.stop]
    tsvals, _ = timestamps_of(rows, (events == Event.SYN) | (events == Event.WRONG_ACK))
    syns = (events == Event.SYN).nonzero()[0]
    oldest, tsval = int(tsvals[syns[0]]) if len(syns) else ABSENT, int(tsvals[row - span.start])
    # RFC 7323, 5.3, R1: a segment whose TSval is before TS.Recent (here the SYN's) is not acceptable.
    if ABSENT not in (tsval, oldest) and seq.diff(tsval, oldest) < 0:
        yield Incomplete(handshake, row, server.synack, "tsval", tsval, oldest, f"TSval {oldest} or later")
        return
    # RFC 9293, 3.10.7.4, first: the acceptability test. Evidence has made it; where the snaplen cut off the window,
    # a number behind the one expected may have been in it.
    actual = int(traffic.rows["seq"][row])
    decidable = server.window_seen or seq.ahead(actual, server.rcv_nxt) >= 2**16
    yield Incomplete(handshake, row, server.synack, "seq", actual, server.rcv_nxt, str(server.rcv_nxt), decidable)


def _servers(traffic: Traffic, start: int, end: int, synacks: list[int]) -> list[_Server]:
    rows = traffic.rows[start:end]
    sent = rows[~traffic.from_client[start:end] & (rows["kind"] != ICMP) & (rows["tcp_flags"] & RST == 0)]
    octets = sent["payload_length"].astype(np.int64) + (sent["tcp_flags"] & SYN > 0) + (sent["tcp_flags"] & FIN > 0)
    isns = [int(traffic.rows["seq"][synack]) for synack in synacks]
    advance: Ints = seq.ahead(sent["seq"].astype(np.int64) + octets, isns[0] if isns else 0)
    reach = int((advance + sent["folded_end"])[advance < FAR].max(initial=1))
    return [
        _Server(
            synack,
            isn,
            max(1, reach - seq.diff(isn, isns[0])),
            int(traffic.rows["ack"][synack]),
            not traffic.rows["unseen"][synack] & WINDOW_UNSEEN,
        )
        for synack, isn in zip(synacks, isns, strict=True)
    ]
