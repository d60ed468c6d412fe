"""Responses: their segments, the ACKs for them, and what is lost and sent again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.connections import segments
from generator.draws import Bools, Ints
from generator.flights import ROUND, TURN, Flights
from generator.packets import ACK, FIN, PSH, Packets
from generator.plans import Plan


@dataclass(frozen=True)
class Acks:
    """The client acknowledges every second segment; an odd last one late, unless something else does it before."""

    passes: Ints  # of each segment: when its ACK passes, if it has one
    made: Bools  # it has one
    last: Ints  # of each exchange: when the last ACK passes that the server got


def acks_of(plan: Plan, flights: Flights) -> Acks:
    odd = (plan.responses & 1) == 1
    last, owner = flights.last, flights.owner
    repaired_last = flights.again > flights.passes[last]
    alone = odd & ~repaired_last & (plan.delay < plan.idle)
    passes = flights.passes + plan.of.client_rtt[plan.conn[owner]] + TURN
    passes[last] += np.where(odd, plan.delay, 0)
    made = (flights.index & 1) == 1
    made[last] |= alone
    earlier = np.where(plan.responses > 1, passes[last - 1], plan.got)
    newest = np.where(odd & ~alone, earlier, passes[last])
    repaired = flights.again + plan.of.client_rtt[plan.conn] + TURN
    return Acks(passes, made, np.where(repaired_last, repaired, newest))


def echo_of_whole(plan: Plan, flights: Flights) -> Ints:
    """When the server sent what the client gives back after all of the response (RFC 7323, section 4.3)."""
    every = np.arange(len(plan.conn))
    begins_pair = flights.last - ((plan.responses & 1) == 0)
    last = flights.passes[flights.last]
    time = np.where(flights.again > last, flights.again, flights.passes[begins_pair])
    return plan.sent(every, False, time)


def responses(plan: Plan, flights: Flights, acks: Acks, before: Ints) -> list[Packets]:
    """``before`` is when the server sent what the client gives back before the response, by exchange."""
    ex, index = flights.owner, flights.index
    room, is_last = plan.room[ex], index == plan.responses[ex] - 1
    start = index * room
    octets = np.minimum(room, plan.response[ex] - start)
    seq = plan.server_seq[ex] + start
    end = seq + octets + (is_last & plan.with_fin[ex])
    tcp_flags = ACK | np.where(is_last, PSH, 0) | np.where(is_last & plan.with_fin[ex], FIN, 0)
    asking = plan.sent(ex, True, plan.got[ex])
    echo = np.where(ROUND[index] == 0, asking, plan.sent(ex, True, acks.passes[flights.opener]))
    return [
        segments(plan.of, plan.conn[ex], False, plan.begin[ex] + flights.passes, tcp_flags, seq=seq,
                 ack=plan.client_next[ex], octets=octets, echo=echo),
        _acks(plan, flights, acks, seq, end, before),
        *_repairs(plan, flights, acks, seq, end, octets, tcp_flags, echo),
    ]  # fmt: skip


def _acks(plan: Plan, flights: Flights, acks: Acks, seq: Ints, end: Ints, before: Ints) -> Packets:
    """While a segment is missing, they acknowledge all before it, and selectively what came after it."""
    rows = np.flatnonzero(acks.made)
    ex, index, passes = flights.owner[rows], flights.index[rows], flights.passes
    missing = plan.lost[ex]
    hole = flights.first[ex] + np.maximum(missing, 0)
    holed = (missing >= 0) & (index >= missing) & (passes[rows] < flights.again[ex])
    in_order = plan.sent(ex, False, passes[rows - (index & 1)])
    until_hole = np.where(missing >= 2, plan.sent(ex, False, passes[np.maximum(hole - 2, 0)]), before[ex])
    return segments(
        plan.of,
        plan.conn[ex],
        True,
        plan.begin[ex] + acks.passes[rows],
        ACK,
        seq=plan.client_next[ex],
        ack=np.where(holed, seq[hole], end[rows]),
        echo=np.where(holed, until_hole, in_order),
        sack_from=np.where(holed, end[hole], -1),
        sack_to=end[rows],
    )


def _repairs(
    plan: Plan, flights: Flights, acks: Acks, seq: Ints, end: Ints, octets: Ints, tcp_flags: Ints, echo: Ints
) -> list[Packets]:
    """The lost segments once more, and the ACK of all that has come by then."""
    ex = np.flatnonzero(plan.lost >= 0)
    again = flights.again[ex]
    came = np.bincount(flights.owner[flights.passes <= flights.again[flights.owner]], minlength=len(plan.conn))[ex]
    lost, upto = flights.first[ex] + plan.lost[ex], flights.first[ex] + came - 1
    # The newest ACK that the server has: the one that showed the loss, or by the timer that of the last pair.
    paired = upto - ((came & 1) == 1)
    showing = np.where(flights.quick[ex], lost + 3, np.maximum(paired, flights.first[ex]))
    none = ~flights.quick[ex] & (came == 1)
    newest = plan.sent(ex, True, np.where(none, plan.got[ex], acks.passes[showing]))
    answered = plan.begin[ex] + again + plan.of.client_rtt[plan.conn[ex]] + TURN
    return [
        segments(plan.of, plan.conn[ex], False, plan.begin[ex] + again, tcp_flags[lost], seq=seq[lost],
                 ack=plan.client_next[ex], octets=octets[lost], echo=np.maximum(newest, echo[upto])),
        segments(plan.of, plan.conn[ex], True, answered, ACK, seq=plan.client_next[ex], ack=end[upto],
                 echo=plan.sent(ex, False, again)),
    ]  # fmt: skip
