"""The exchanges of connections, each a request and its response: how much, when, and what is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from generator.connections import Connections, sent
from generator.draws import Bools, Draws, Ints, spread, within
from generator.flights import LEAST_RTO, MOST, SPACING, TURN, Flights, fly
from generator.profiles import MILLISECOND, SECOND, SERVER_FIN_WITH_DATA, STAYS_OPEN, Profile

DELAYED_ACK: Final = 40 * MILLISECOND
LEAST: Final = 8
LOSS: Final = 0.01  # of the segments with data, after the point of capture


@dataclass(frozen=True)
class Plan:
    """One row an exchange, those of a connection in order. Sequence numbers are relative to the ISNs.

    Times are in nanoseconds from ``begin``, which is absolute; all are at the point of capture.
    """

    of: Connections
    conn: Ints
    turn: Ints  # in its connection
    final: Bools
    with_fin: Bools  # the last segment of the response
    room: Ints  # octets in a full segment
    request: Ints  # octets, and segments
    requests: Ints
    response: Ints
    responses: Ints
    request_lost: Bools  # its last segment, and sent again
    lost: Ints  # which segment of the response; -1: none
    got: Ints  # when the last of the request passes that the server gets
    acked: Ints  # when the server's ACK of it passes
    ack_alone: Bools  # that ACK comes before the response
    idle: Ints  # from the end to the next exchange, or to the close
    begin: Ints
    client_seq: Ints
    server_seq: Ints

    @property
    def client_next(self) -> Ints:
        return self.client_seq + self.request

    @property
    def server_next(self) -> Ints:
        return self.server_seq + self.response + self.with_fin

    @property
    def delay(self) -> Ints:
        """How long the client holds back the ACK of an odd last segment."""
        return np.where((self.turn == 0) & self.of.acked_at_once[self.conn], 0, DELAYED_ACK)

    def sent(self, owner: Ints, from_client: bool, time: Ints) -> Ints:
        """When a packet was sent that passes so long after the beginning of its exchange ``owner``."""
        return sent(self.of, self.conn[owner], from_client, self.begin[owner] + time)


def plan(of: Connections, which: Ints, profile: Profile, draws: Draws, completed: Ints) -> tuple[Plan, Flights]:
    """All exchanges of the connections ``which``, and the segments of their responses."""
    conn, turn = spread(which, draws.pick(profile.exchanges, len(which)))
    size, room = len(conn), of.room[conn]
    final = np.r_[turn[1:] == 0, True]
    request, response = (_whole(draws.pick(octets, size), room) for octets in (profile.request, profile.response))
    response = np.minimum(response, MOST * room)
    requests, responses = -(-request // room), -(-response // room)
    # The last segment of the request is lost, or of the response one that begins a pair for the delayed ACK.
    request_lost = draws.chance(np.minimum(LOSS * requests, 0.5), size)
    begins_pair = 2 * draws.below((responses + 1) // 2, size)
    lost = np.where(draws.chance(np.minimum(LOSS * responses, 0.5), size), begins_pair, -1)
    think, idle = draws.pick(profile.think, size), draws.pick(profile.idle, size)
    idle = np.where(final & (of.close[conn] == STAYS_OPEN), SECOND, idle)

    rtt = of.client_rtt[conn] + of.server_rtt[conn]
    got = (requests - 1) * SPACING + np.where(request_lost, LEAST_RTO + rtt, 0)
    answered = got + of.server_rtt[conn] + np.maximum(think, 3 * TURN)
    flights = fly(responses, lost, answered, rtt)
    lasts = flights.whole + of.client_rtt[conn] + TURN + idle
    return Plan(
        of=of,
        conn=conn,
        turn=turn,
        final=final,
        with_fin=final & (of.close[conn] == SERVER_FIN_WITH_DATA),
        room=room,
        request=request,
        requests=requests,
        response=response,
        responses=responses,
        request_lost=request_lost,
        lost=lost,
        got=got,
        acked=got + of.server_rtt[conn] + TURN,
        ack_alone=((turn == 0) & of.acked_at_once[conn]) | (think > DELAYED_ACK),
        idle=idle,
        begin=completed[conn] + 2 * TURN + within(lasts, conn, before=True),
        client_seq=1 + within(request, conn, before=True),
        server_seq=1 + within(response, conn, before=True),
    ), flights


def _whole(octets: Ints, room: Ints) -> Ints:
    """So many octets that the last segment is not too short for a header: dissectors would wait for the rest."""
    return octets + LEAST * (octets % room < LEAST)
