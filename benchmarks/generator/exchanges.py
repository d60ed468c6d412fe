"""Requests and responses: segments by slow start, delayed ACKs, and what is lost on the way and sent again."""

from __future__ import annotations

from typing import Final

import numpy as np

from generator.closings import Ends
from generator.connections import Connections, segments, sent
from generator.draws import Draws, Ints, spread, within
from generator.openings import TURN
from generator.packets import ACK, FIN, PSH, Packets
from generator.profiles import MICROSECOND, MILLISECOND, SECOND, SERVER_FIN_WITH_DATA, STAYS_OPEN, Profile

SPACING: Final = 12 * MICROSECOND  # a full frame at 1 Gbit/s
INITIAL_WINDOW: Final = 10  # segments (RFC 6928)
ROUNDS: Final = 8
MOST: Final = INITIAL_WINDOW * (2**ROUNDS - 1)  # segments in one response
LEAST_RTO: Final = 200 * MILLISECOND  # as Linux has it
DELAYED_ACK: Final = 40 * MILLISECOND
LOSS: Final = 0.01  # of the segments with data, after the point of capture

# Of each segment of a response: the round of slow start that sends it, and its number in the round.
ROUND: Final = np.repeat(np.arange(ROUNDS), INITIAL_WINDOW << np.arange(ROUNDS))
FIRST: Final = INITIAL_WINDOW * ((1 << np.arange(ROUNDS + 1)) - 1)
TURN_OF: Final = np.arange(MOST) - FIRST[ROUND]


def exchanges(
    of: Connections, which: Ints, profile: Profile, draws: Draws, completed: Ints, syn_ack_sent: Ints
) -> tuple[list[Packets], Ends]:
    """The data of the connections ``which``, after their handshakes: packets, and where it leaves the connections."""
    number = draws.pick(profile.exchanges, len(which))
    conn, turn = spread(which, number)
    size = len(conn)
    room, client_rtt, server_rtt = of.room[conn], of.client_rtt[conn], of.server_rtt[conn]
    rtt = client_rtt + server_rtt
    final = np.r_[turn[1:] == 0, True]
    with_fin = final & (of.close[conn] == SERVER_FIN_WITH_DATA)
    request, response = draws.pick(profile.request, size), draws.pick(profile.response, size)
    requests, responses = -(-request // room), -(-response // room)
    responses = np.minimum(responses, MOST)
    response = np.minimum(response, responses * room)
    think, idle = draws.pick(profile.think, size), draws.pick(profile.idle, size)
    idle = np.where(final & (of.close[conn] == STAYS_OPEN), SECOND, idle)
    rto = LEAST_RTO + rtt

    # Of the exchange: the last segment of the request, or the first of a pair of the response, is lost and sent again.
    request_lost = draws.chance(np.minimum(LOSS * requests, 0.5), size)
    place = 2 * draws.below((responses + 1) // 2, size)
    lost = np.where(draws.chance(np.minimum(LOSS * responses, 0.5), size), place, -1)

    # Times from the beginning of the exchange, at the point of capture.
    asked = (requests - 1) * SPACING
    got = asked + np.where(request_lost, rto, 0)
    acked = got + server_rtt + TURN
    at_once = of.acked_at_once[conn]
    ack_alone = ((turn == 0) & at_once) | (think > DELAYED_ACK)
    answered = got + server_rtt + np.maximum(think, 3 * TURN)
    rounds = np.zeros((size, ROUNDS), np.int64)
    for index in range(1, ROUNDS):
        # The next round begins when the first ACK of this one has come back, and this one is out.
        rounds[:, index] = rounds[:, index - 1] + np.maximum(rtt + 5 * TURN, (INITIAL_WINDOW << (index - 1)) * SPACING)

    ex, index = spread(np.arange(size), responses)
    base = np.cumsum(responses) - responses  # of each exchange, its first segment
    passed = answered[ex] + rounds[ex, ROUND[index]] + TURN_OF[index] * SPACING
    last = passed[base + responses - 1]
    # Lost where others of the same round follow: found by selective acknowledgements, else by the timer.
    some = np.maximum(lost, 0)
    follower = some + 3
    quick = (lost >= 0) & (TURN_OF[some] + 3 < INITIAL_WINDOW << ROUND[some]) & (follower < responses)
    again = np.where(quick, passed[base + some] + rtt + MILLISECOND, last + rto)
    again = np.where(lost >= 0, again, -1)
    whole = np.maximum(last, again)  # when all has passed
    ends = whole + client_rtt + TURN
    begin = completed[conn] + 2 * TURN + within(ends + idle, conn, before=True)

    client_seq = 1 + within(request, conn, before=True)
    server_seq = 1 + within(response, conn, before=True)
    client_ack = client_seq + request
    server_end = server_seq + response + with_fin

    def leaves(owner: Ints, from_client: bool, time: Ints) -> Ints:
        """When a packet was sent that passes so long after the beginning of its exchange."""
        return sent(of, conn[owner], from_client, begin[owner] + time)

    every = np.arange(size)
    asking = leaves(every, True, got)  # the server gives this back until it gets another
    odd = (responses & 1) == 1
    # What the client gives back when all has come: RFC 7323, section 4.3.
    newest = passed[base + np.where(odd, responses - 1, np.maximum(responses - 2, 0))]
    newest = leaves(every, False, np.where(again > last, again, newest))
    before = np.where(turn == 0, syn_ack_sent[conn], np.r_[0, newest[:-1]])
    base_echo = np.where(ack_alone, leaves(every, False, acked), before)

    # The client acknowledges every second segment, and an odd last one late unless something else does it before.
    delay = np.where((turn == 0) & at_once, 0, DELAYED_ACK)
    alone = odd & (again <= last) & (delay < idle)
    passed_ack = passed + client_rtt[ex] + TURN
    is_last = index == responses[ex] - 1
    acking = np.flatnonzero(((index & 1) == 1) | (is_last & alone[ex]))
    ack_time = passed_ack + np.where(is_last & ((index & 1) == 0), delay[ex], 0)

    ends_at = server_seq[ex] + np.minimum((index + 1) * room[ex], response[ex]) + (is_last & with_fin[ex])
    starts_at = server_seq[ex] + index * room[ex]
    length = np.minimum(room[ex], response[ex] - index * room[ex])

    # What the server gives back: the ACK that let it send this; in the first round, the request.
    opener = base[ex] + np.maximum(FIRST[np.maximum(ROUND[index] - 1, 0)] + TURN_OF[index] // 4 * 2 + 1, 0)
    opener = np.minimum(opener, base[ex] + responses[ex] - 1)
    server_echo = np.where(ROUND[index] == 0, asking[ex], leaves(ex, True, ack_time[opener]))
    flags = ACK | np.where(is_last, PSH, 0) | np.where(is_last & with_fin[ex], FIN, 0)
    made = [
        _requests(of, conn, every, requests, request, room, begin, client_seq, server_seq, before),
        _requests_again(of, conn, np.flatnonzero(request_lost), requests, request, room, begin + got, client_seq,
                        server_seq, before),
        segments(of, conn[ack_alone], False, (begin + acked)[ack_alone], ACK, seq=server_seq[ack_alone],
                 ack=client_ack[ack_alone], echo=asking[ack_alone]),
        segments(of, conn[ex], False, begin[ex] + passed, flags, seq=starts_at, ack=client_ack[ex], octets=length,
                 echo=server_echo),
    ]  # fmt: skip

    # ACKs, while a segment is missing: of all before it, and selectively of what came after it.
    missing = lost[ex]
    holed = (missing >= 0) & (index >= missing) & (passed < again[ex])
    hole = base[ex] + np.maximum(missing, 0)
    first_of_pair = np.where((index & 1) == 1, base[ex] + index - 1, base[ex] + index)
    echo_at = leaves(ex, False, passed[np.minimum(first_of_pair, len(passed) - 1)])
    hole_echo = np.where(missing >= 2, leaves(ex, False, passed[np.maximum(hole - 2, 0)]), base_echo[ex])
    echo = np.where(holed, hole_echo, echo_at)
    made.append(
        segments(
            of, conn[ex[acking]], True, (begin[ex] + ack_time)[acking], ACK,
            seq=client_ack[ex[acking]],
            ack=np.where(holed, starts_at[hole], ends_at)[acking],
            echo=echo[acking],
            sack_from=np.where(holed, ends_at[hole], -1)[acking],
            sack_to=ends_at[acking],
        )
    )  # fmt: skip

    # The segment once more, and the ACK of all that has come by then.
    redo = np.flatnonzero(lost >= 0)
    came = np.bincount(ex[passed <= again[ex]], minlength=size)[redo]
    at, upto = base[redo] + lost[redo], base[redo] + came - 1
    last_ack = upto - ((upto - base[redo]) & 1 ^ 1)
    known = np.where(last_ack >= base[redo], leaves(redo, True, ack_time[np.maximum(last_ack, 0)]), asking[redo])
    trigger = np.where(quick, leaves(every, True, passed_ack[np.minimum(base + follower, len(passed) - 1)]), 0)[redo]
    give_back = np.where(quick[redo], np.maximum(trigger, server_echo[upto]), np.maximum(known, server_echo[upto]))
    made += [
        segments(of, conn[redo], False, begin[redo] + again[redo], flags[at], seq=starts_at[at], ack=client_ack[redo],
                 octets=length[at], echo=give_back),
        segments(of, conn[redo], True, begin[redo] + again[redo] + client_rtt[redo] + TURN, ACK, seq=client_ack[redo],
                 ack=ends_at[upto], echo=leaves(redo, False, again[redo])),
    ]  # fmt: skip

    final_ack = np.where(
        odd & ~alone,
        np.where(responses > 1, ack_time[np.maximum(base + responses - 2, 0)], got),
        ack_time[base + responses - 1],
    )
    final_ack = np.where(again > last, again + client_rtt + TURN, final_ack)
    stop = np.flatnonzero(final)
    return made, Ends(
        which=conn[stop],
        time=(begin + ends + idle)[stop],
        client_next=client_ack[stop],
        server_next=server_end[stop],
        client_echo=newest[stop],
        server_echo=leaves(every, True, final_ack)[stop],
    )


def _requests(of, conn, every, requests, request, room, begin, client_seq, server_seq, before):
    ex, index = spread(every, requests)
    is_last = index == requests[ex] - 1
    return segments(
        of,
        conn[ex],
        True,
        begin[ex] + index * SPACING,
        ACK | np.where(is_last, PSH, 0),
        seq=client_seq[ex] + index * room[ex],
        ack=server_seq[ex],
        octets=np.minimum(room[ex], request[ex] - index * room[ex]),
        echo=before[ex],
    )


def _requests_again(of, conn, redo, requests, request, room, time, client_seq, server_seq, before):
    start = (requests[redo] - 1) * room[redo]
    return segments(
        of,
        conn[redo],
        True,
        time[redo],
        ACK | PSH,
        seq=client_seq[redo] + start,
        ack=server_seq[redo],
        octets=request[redo] - start,
        echo=before[redo],
    )
