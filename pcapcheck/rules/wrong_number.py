"""What kind of wrong a number is, and why a segment of a client did not complete its handshake.

Only attempts that have failed already are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from pcapcheck import seq
from pcapcheck.attempts import LOOK_BACK
from pcapcheck.decode.segment import ACK, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import COMPARED, Event
from pcapcheck.openings import FAR, ICMP
from pcapcheck.rules.positions import ends
from pcapcheck.rules.row_options import segments, some
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, once

# As far as this a number still belongs to the connection; beyond it has nothing to do with it.
NEAR: Final = 2**20


def kind_of(actual: int, expected: int, isn: int, older: Iterable[int] = (), *, shifted: bool = False) -> str:
    """What kind of wrong a number is that should be ``expected``, in a sequence space that begins at ``isn``.

    ``older`` are the initial sequence numbers of earlier attempts of the same 4-tuple; ``shifted`` as in is_shifted.
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
    distance = f"{abs(off)} too {'high' if off > 0 else 'low'}"
    if shifted:
        return f"{distance} on all segments of this direction: an ISN was rewritten"
    return distance if abs(off) < NEAR else "an unrelated number"


def is_shifted(traffic: Traffic, row: int, actual: int, expected: int, part: str = "ack") -> bool:
    """Whether all segments of the row's direction are off by the same in their ``part``, in two numbers at least.

    So it looks behind a middlebox that rewrites initial sequence numbers and forgets one direction.
    """
    start, end = traffic.starts[traffic.handshake[row] :][:2].tolist()
    flags = traffic.column("tcp_flags")[start:end]
    sent = segments(traffic)[start:end] & (flags & RST == 0)
    own = traffic.from_client[start:end] == traffic.from_client[row]
    after = ends(traffic)[start:end]
    if part == "ack":
        wrong, fitting = sent & own & (flags & ACK != 0), seq.add(after[sent & ~own], actual - expected)
    else:
        # The stream begins at the wrong number and goes on from there.
        wrong = sent & own & (flags & SYN == 0)
        fitting = np.append(after[wrong & (seq.ahead(after, actual) < FAR)], actual)
    seen = set(traffic.column(part)[start:end][wrong].tolist())
    return len(seen) > 1 and seen <= set(fitting.tolist())


@once
def flow_of(traffic: Traffic) -> Ints:
    """The flow of each handshake; a 4-tuple in two VLANs is two."""
    return traffic.handshakes.flow * 2**13 + traffic.handshakes.vlan + 1


class OlderIsns:
    """The entries of an ISN column for the earlier attempts of the same 4-tuple, as far back as rows are assigned."""

    def __init__(self, traffic: Traffic, column: Ints) -> None:
        flow = flow_of(traffic)
        order = np.argsort(flow, kind="stable")
        self._flow, self._isns = flow[order], column[order]
        self._place = np.empty_like(order)
        self._place[order] = np.arange(len(order))

    def of(self, handshake: int) -> list[int]:
        """Those before this attempt."""
        place = int(self._place[handshake])
        first = int(np.searchsorted(self._flow, self._flow[place]))
        isns: list[int] = self._isns[max(first, place - LOOK_BACK) : place].tolist()
        return isns


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


@once
def incomplete_acks(traffic: Traffic) -> list[Incomplete]:
    """Each client segment that stands where the completing one should, and cannot be it."""
    return list(_incomplete_acks(traffic))


def _incomplete_acks(traffic: Traffic) -> Iterator[Incomplete]:
    reached = _reached(traffic)
    for handshake in traffic.has(Event.WRONG_ACK).nonzero()[0].tolist():
        start, end = traffic.starts[handshake : handshake + 2].tolist()
        events = traffic.event[start:end]
        right = (events == Event.SYNACK).nonzero()[0]
        # Where no SYN-ACK was right, the wrong one still says which ISN the client must acknowledge. What a server
        # expects that acknowledged the wrong number is not known.
        synacks = right if len(right) else (events == Event.WRONG_SYNACK).nonzero()[0]
        by_then = np.maximum.accumulate(reached[start:end])
        servers = _servers(traffic, (start + synacks).tolist(), int(by_then[-1]))[:COMPARED]
        for at in (events == Event.WRONG_ACK).nonzero()[0].tolist() if servers else ():
            row = start + at
            ack = int(traffic.column("ack")[row])
            # RFC 9293, 3.10.7.4, fifth: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state".
            taking = [server for server in servers if 0 < seq.ahead(ack, server.isn) <= server.reach]
            if not taking:
                # Shown is what the server had sent by then.
                server = servers[0]._replace(reach=int(by_then[at - 1]) if at else 1)
                numbers = sorted({server.first(), server.last()}, key=lambda number: abs(seq.diff(ack, number)))
                expected = " to ".join(str(number) for number in dict.fromkeys((server.first(), server.last())))
                yield Incomplete(handshake, row, server.synack, "ack", ack, numbers[0], expected)
            elif len(right):
                syns = (start + (events == Event.SYN).nonzero()[0]).tolist()
                yield _sequence_number(traffic, handshake, syns, row, taking[0])


def _sequence_number(traffic: Traffic, handshake: int, syns: list[int], row: int, server: _Server) -> Incomplete:
    """What is wrong with the place of a segment whose ACK is right."""
    tsvals = traffic.options.tsval
    oldest, tsval = int(tsvals[syns[0]]) if syns else ABSENT, int(tsvals[row])
    # RFC 7323, 5.3, R1: a segment whose TSval is before TS.Recent (here the SYN's) is not acceptable.
    if ABSENT not in (tsval, oldest) and seq.diff(tsval, oldest) < 0:
        return Incomplete(handshake, row, server.synack, "tsval", tsval, oldest, f"TSval {oldest} or later")
    # RFC 9293, 3.10.7.4, first: the acceptability test. Evidence has made it; where the snaplen cut off the window,
    # a number behind the one expected may have been in it.
    actual = int(traffic.column("seq")[row])
    decidable = server.window_seen or seq.ahead(actual, server.rcv_nxt) >= 2**16
    return Incomplete(handshake, row, server.synack, "seq", actual, server.rcv_nxt, str(server.rcv_nxt), decidable)


def ahead_in_window(traffic: Traffic) -> list[Incomplete]:
    """Completing segments behind the number expected. Data of the SYN may be repeated (RFC 7413, section 4.2)."""
    handshakes = traffic.handshakes
    row = traffic.first_event(Event.COMPLETING)
    synack = traffic.first_event(Event.SYNACK)
    repeats_syn = seq.ahead(handshakes.ack_seq, handshakes.synack_ack - handshakes.syn_octets) <= handshakes.syn_octets
    asked = traffic.is_event(Event.SYNACK) & (traffic.column("ack") == handshakes.ack_seq[traffic.handshake])
    window_seen = traffic.value("unseen", synack) & WINDOW_UNSEEN == 0
    found = []
    for index in ((row != ABSENT) & (synack != ABSENT) & ~repeats_syn & ~some(traffic, asked)).nonzero()[0].tolist():
        actual, expected = int(handshakes.ack_seq[index]), int(handshakes.synack_ack[index])
        rows, seen = (int(row[index]), int(synack[index])), bool(window_seen[index])
        found.append(Incomplete(index, *rows, "seq", actual, expected, str(expected), seen))
    return found


def _reached(traffic: Traffic) -> Ints:
    """How far each row of the server reaches beyond the ISN of the first SYN-ACK; 1 for all other rows."""
    right, wrong = (traffic.first_event(event) for event in (Event.SYNACK, Event.WRONG_SYNACK))
    isn = traffic.value("seq", np.where(right == ABSENT, wrong, right))
    advance = seq.ahead(ends(traffic), isn[traffic.handshake])
    sent = ~traffic.from_client & (traffic.column("kind") != ICMP) & (traffic.column("tcp_flags") & RST == 0)
    return np.where(sent & (advance < FAR), np.maximum(advance + traffic.column("folded_end"), 1), 1)


def _servers(traffic: Traffic, synacks: list[int], reach: int) -> list[_Server]:
    """One for each of these SYN-ACKs that differ: where the same numbers come again, the first."""
    isns, acks = (traffic.column(name)[synacks].tolist() for name in ("seq", "ack"))
    seen = (traffic.column("unseen")[synacks] & WINDOW_UNSEEN == 0).tolist()
    found: dict[tuple[int, int, bool], _Server] = {}
    for synack, isn, ack, window_seen in zip(synacks, isns, acks, seen, strict=True):
        server = _Server(synack, isn, max(1, reach - seq.diff(isn, isns[0])), ack, window_seen)
        found.setdefault((isn, ack, window_seen), server)
    return list(found.values())
