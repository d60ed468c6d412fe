"""A 4-tuple that is used again while one end may still be in TIME-WAIT."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.segment import FIN, RST, SYN
from pcapcheck.evidence import SECOND, Event, Fact
from pcapcheck.faults.signs import headers_cut, untimed
from pcapcheck.openings import FAR
from pcapcheck.rules.among import flow_reused
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import segments
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, CLOSES, SIDES
from pcapcheck.traffic import Ints, Traffic

# RFC 9293, section 3.4.2: "the MSL is taken to be 2 minutes".
TWO_MSL_NS: Final = 240 * SECOND


@rule(
    "TM07",
    "port-reused-too-early",
    "note",
    reference="RFC 9293, section 3.6.1 (MUST-13, MAY-2, SHLD-4); RFC 6191, section 2",
    needs="the close of the connection before, and the options of the SYN",
    message="SYN has {actual}, TIME-WAIT takes only {expected}",
    among=flow_reused,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < F. 1:1(0) ack 1
        +0   > F. 1:1(0) ack 2
        +.02 < .  2:2(0) ack 2
        +3   > S  -500:-500(0) win 64240
        +.02 < .  2:2(0) ack 2
    """,
    silent="""
        # The new SYN lies beyond all that was sent before.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < F. 1:1(0) ack 1
        +0   > F. 1:1(0) ack 2
        +.02 < .  2:2(0) ack 2
        +3   > S  9000:9000(0) win 64240
        +.02 < S. 70000:70000(0) ack 9001 win 65160
        +0   > .  9001:9001(0) ack 70001
    """,
)
def port_reused_too_early(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN uses a 4-tuple again within four minutes, with numbers that a host in TIME-WAIT does not take.

    What it means: "When a connection is closed actively, it MUST linger in the TIME-WAIT state for a time 2xMSL"; it
    "MAY accept a new SYN from the remote TCP endpoint to reopen the connection directly from TIME-WAIT state". RFC 6191
    says which: one whose timestamp is later than the last one seen, or, where the new or both connections have no
    timestamps, whose sequence number is greater than the last. This SYN is neither.

    Why it matters: The host in TIME-WAIT answers with an ACK of the old connection or not at all; the attempt fails, or
    succeeds only after an RST. If it were taken, a late segment of the old connection could corrupt the new one.

    Common causes: A client or a NAT with too few source ports for its rate of connections; hosts with different clocks
    behind one NAT; an application that binds a fixed source port; random ISNs with timestamps switched off.

    What to look at next: Who closed first (that side waits), the rate of connections to this server, and whether the
    address belongs to a NAT. The message says so where the new SYN comes from the side that should be waiting itself.
    """
    handshakes = traffic.handshakes
    before = _closed_before(traffic)
    reused = before != ABSENT
    isn, side = handshakes.client_isn, _client_side(traffic)
    last_seq, last_tsval = _last_numbers(traffic, before, side)
    syn = traffic.first_event(Event.SYN)
    new_tsval = np.where(syn == ABSENT, ABSENT, np.append(traffic.options.tsval, ABSENT)[syn])
    stamped, was_stamped = new_tsval != ABSENT, last_tsval != ABSENT
    greater = seq.diff(isn, last_seq) >= 0  # last_seq is that of the octet after
    later = seq.diff(new_tsval, last_tsval)
    taken = np.where(stamped, ~was_stamped | (later > 0) | ((later == 0) & greater), greater)
    fails = reused & ~taken
    (at,) = fails.nonzero()
    by_tsval = stamped & was_stamped
    waits = np.where(reused, handshakes.closed_by[before], 0)
    own = waits == np.where(reused & (side == side[before]), SIDES.index("client"), SIDES.index("server"))
    return Answer(
        fails=fails,
        applies=reused,
        decidable=(last_seq != ABSENT) & ~headers_cut(traffic) & ~untimed(traffic),
        frames=(handshakes.syn_frame, np.where(reused, handshakes.last_frame[before], ABSENT)),
        expected=words(
            len(fails), at.tolist(),
            [f"TSval after {last_tsval[i]}" if by_tsval[i] else f"sequence number {last_seq[i]} or later" for i in at],
        ),
        actual=words(
            len(fails), at.tolist(),
            [f"TSval {new_tsval[i]}" if by_tsval[i] else f"sequence number {isn[i]}" for i in at],
        ),
        detail=np.where(own, "its sender closed first and should be waiting itself", "").astype(object),
    )  # fmt: skip


def _client_side(traffic: Traffic) -> Ints:
    """Which side of its flow (0 or 1) is the client of each handshake."""
    first = traffic.first(np.ones(len(traffic.rows), bool))
    client = np.append(traffic.from_client, False)[first]
    return np.where(client, traffic.value("side", first), 1 - traffic.value("side", first))


def _closed_before(traffic: Traffic) -> Ints:
    """For each attempt with a SYN the connection of its 4-tuple that was closed by FINs less than 2 MSL before it."""
    handshakes = traffic.handshakes
    flow = flow_of(traffic)
    order = np.argsort(flow, kind="stable")
    before = np.full(len(flow), ABSENT, np.int64)
    same = flow[order[1:]] == flow[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    idle = handshakes.start_time - handshakes.last_time[before]
    closed = (handshakes.close == CLOSES.index("fin"))[before] & (handshakes.facts & Fact.SYN != 0)
    return np.where((before != ABSENT) & closed & (idle >= 0) & (idle < TWO_MSL_NS), before, ABSENT)


def _last_numbers(traffic: Traffic, before: Ints, side: Ints) -> tuple[Ints, Ints]:
    """For each handshake the number after the last, and the last TSval, that its client used in the one before it.

    ABSENT where there is none, or where the connection was too long for its numbers to be compared.
    """
    handshakes, rows = traffic.handshakes, traffic.rows
    size = len(handshakes)
    after = np.full(size, ABSENT, np.int64)
    (reusing,) = (before != ABSENT).nonzero()
    after[before[reusing]] = reusing
    following = after[traffic.handshake]
    wanted: Bools = (following != ABSENT) & segments(traffic) & (traffic.column("tcp_flags") & RST == 0)
    wanted &= traffic.column("side") == side[following]
    (at,) = wanted.nonzero()
    following, chosen, tsval = following[at], rows.take(at), traffic.options.tsval[at]
    end = chosen["payload_length"] + (chosen["tcp_flags"] & SYN != 0) + (chosen["tcp_flags"] & FIN != 0)
    end = seq.add(chosen["seq"].astype(np.int64), end + chosen["folded_end"].astype(np.int64))
    saturated = np.zeros(size, bool)
    saturated[following[chosen["folded_end"] >= FAR]] = True
    last_seq = _latest(size, following, end)
    last_tsval = _latest(size, following, np.where(chosen["folded_tsval"] == ABSENT, tsval, chosen["folded_tsval"]))
    return np.where(saturated, ABSENT, last_seq), last_tsval


def _latest(size: int, group: Ints, number: Ints) -> Ints:
    """For each group the number that lies furthest ahead of its first one, ABSENT where it has none."""
    known = number != ABSENT
    group, number = group[known], number[known]
    first, found = np.full(size, ABSENT, np.int64), np.full(size, ABSENT, np.int64)
    first[group[::-1]] = number[::-1]
    advance = np.zeros(size, np.int64)
    np.maximum.at(advance, group, seq.diff(number, first[group]))
    found[group] = seq.add(first[group], advance[group])
    return found
