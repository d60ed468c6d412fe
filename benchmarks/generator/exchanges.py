"""What connections carry between their opening and their close."""

from __future__ import annotations

import numpy as np

from generator.closings import Ends
from generator.connections import segments
from generator.draws import Ints, spread
from generator.flights import SPACING, TURN, Flights
from generator.packets import ACK, PSH, Packets
from generator.plans import Plan
from generator.responses import acks_of, echo_of_whole, responses


def exchanges(plan: Plan, flights: Flights, syn_ack_sent: Ints) -> tuple[list[Packets], Ends]:
    """The packets of all exchanges, and where they leave the connections."""
    every = np.arange(len(plan.conn))
    acks = acks_of(plan, flights)
    whole = echo_of_whole(plan, flights)
    before = np.where(plan.turn == 0, syn_ack_sent[plan.conn], np.r_[0, whole[:-1]])
    # An ACK of the request is given back by the client as long as nothing else has come.
    base = np.where(plan.ack_alone, plan.sent(every, False, plan.acked), before)
    made = [*_requests(plan, before), *responses(plan, flights, acks, base)]
    stop = np.flatnonzero(plan.final)
    ends = flights.whole + plan.of.client_rtt[plan.conn] + TURN + plan.idle
    return made, Ends(
        which=plan.conn[stop],
        time=(plan.begin + ends)[stop],
        client_next=plan.client_next[stop],
        server_next=plan.server_next[stop],
        client_echo=whole[stop],
        server_echo=plan.sent(every, True, acks.last)[stop],
    )


def _requests(plan: Plan, echo: Ints) -> list[Packets]:
    """The requests, their last segments once more where they are lost, and the server's ACKs."""
    ex, index = spread(np.arange(len(plan.conn)), plan.requests)
    start = index * plan.room[ex]
    is_last = index == plan.requests[ex] - 1
    octets = np.minimum(plan.room[ex], plan.request[ex] - start)
    time = plan.begin[ex] + index * SPACING

    def asking(rows: Ints, at: Ints) -> Packets:
        one = ex[rows]
        return segments(plan.of, plan.conn[one], True, at, ACK | np.where(is_last[rows], PSH, 0),
                        seq=plan.client_seq[one] + start[rows], ack=plan.server_seq[one], octets=octets[rows],
                        echo=echo[one])  # fmt: skip

    lost = np.flatnonzero(is_last & plan.request_lost[ex])
    alone = np.flatnonzero(plan.ack_alone)
    return [
        asking(np.arange(len(ex)), time),
        asking(lost, (plan.begin + plan.got)[ex[lost]]),
        segments(plan.of, plan.conn[alone], False, (plan.begin + plan.acked)[alone], ACK, seq=plan.server_seq[alone],
                 ack=plan.client_next[alone], echo=plan.sent(alone, True, plan.got[alone])),
    ]  # fmt: skip
