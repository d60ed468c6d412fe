"""SYN-ACKs that a server repeats although the client has acknowledged them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck.diagnoses.catalogue import Bools
from pcapcheck.diagnoses.columns import SECOND, first_after
from pcapcheck.evidence import Event, Fact
from pcapcheck.smooth import Smooth
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, rows_of

# A SYN-ACK's timer runs for a second (RFC 6298, section 2.1), on some systems less; copies made on the way come sooner.
TIMER = SECOND // 2


class Repeats(NamedTuple):
    """SYN-ACKs that the server repeated though the client's ACK must have reached it by then."""

    ack: Ints  # row of the completing segment
    counts: Ints
    first: Ints  # row
    last: Ints
    answered: Bools  # the client acknowledged one of them, and another came all the same
    data: Ints  # row of the client's first data


def find_repeats(traffic: Traffic) -> Repeats:
    ack, again = traffic.first_event(Event.COMPLETING), _again(traffic)
    first, final = traffic.first_at(again), traffic.last_at(again)
    counts = np.bincount(
        traffic.handshake[again], weights=1.0 + traffic.column("folded")[again], minlength=len(ack)
    ).astype(np.int64)
    reply = first_after(traffic, traffic.is_event(Event.CLIENT_GOES_ON), first)
    return Repeats(ack, counts, first, final, (reply != ABSENT) & (reply < final), _first_data(traffic))


def _again(traffic: Traffic) -> Ints:
    """Rows that are SYN-ACKs which the server repeated though the client's ACK must have reached it by then."""
    ack, synack = traffic.first_event(Event.COMPLETING), traffic.first_event(Event.SYNACK)
    crossing = traffic.value("time", ack) + np.maximum(traffic.handshakes.server_rtt_max, 0)
    soonest = np.maximum(crossing, traffic.value("time", synack) + TIMER)
    (at,) = traffic.is_event(Event.SYNACK).nonzero()
    of, tsval = traffic.handshake[at], traffic.tsval
    late = (ack[of] != ABSENT) & (at > ack[of]) & (traffic.column("time")[at] > soonest[of])
    # A copy that the network delayed carries the timestamp of the first.
    copied = (tsval[at] != ABSENT) & (tsval[at] == tsval[synack[of]])
    again: Ints = at[late & ~copied]
    return again


def _first_data(traffic: Traffic) -> Ints:
    """The row of each client's first data, from its completing segment on."""
    ack = traffic.first_event(Event.COMPLETING)
    (at,) = (traffic.from_client & (traffic.column("payload_length") > 0)).nonzero()
    start = ack[traffic.handshake[at]]
    return traffic.first_at(at[((start != ABSENT) & (at >= start)).nonzero()])


def concerned(traffic: Traffic) -> Traffic:
    """The traffic with the rows of those completed handshakes alone whose server repeated its SYN-ACK."""
    handshakes = traffic.handshakes
    return traffic.only(handshakes.meet("synack_count", lambda count: count > 1) & handshakes.has(Fact.COMPLETED))


def _taken_of_smooth(traffic: Traffic, smooth: Smooth) -> tuple[Ints, Bools]:
    """Nothing was repeated, and the server went on."""
    handshakes = traffic.handshakes
    time = handshakes.start_time[smooth.at] + handshakes.handshake_rtt[smooth.at]
    data, reaction = rows_of(traffic, smooth, smooth.places.data), rows_of(traffic, smooth, smooth.places.reaction)
    prompt = _is_prompt(reaction["time"] - data["time"], handshakes.server_rtt_max[smooth.at])
    return time, prompt & (smooth.places.reaction != ABSENT)


@by_rows(_taken_of_smooth)
def taken(traffic: Traffic) -> tuple[Ints, Bools]:
    """Of handshakes that the server took at once, without a repeat: the time of the ACK, and whether data was answered.

    The time is ABSENT of all others, and where nothing shows that the server took it.
    """
    at_once = np.ones(len(traffic.handshakes), bool)
    at_once[traffic.handshake[_again(traffic)]] = False
    spoke, ack, data = traffic.has(Event.SERVER_GOES_ON), traffic.first_event(Event.COMPLETING), _first_data(traffic)
    time = np.where(at_once & spoke, traffic.value("time", ack), ABSENT)
    return time, at_once & (data != ABSENT) & taken_at_once(traffic, data)


def data_before_repeat(traffic: Traffic, repeats: Repeats) -> Bools:
    """Whether the client had sent data when the server repeated its SYN-ACK, and the server must have had it."""
    sent, repeated = traffic.value("time", repeats.data), traffic.value("time", repeats.first)
    in_time: Bools = sent + np.maximum(traffic.handshakes.server_rtt_max, 0) < repeated
    in_time &= (repeats.data != ABSENT) & (repeats.first != ABSENT)
    return in_time


def taken_at_once(traffic: Traffic, data: Ints) -> Bools:
    """Whether the server went on about one round trip after these rows, the first data of each client."""
    reply = first_after(traffic, traffic.is_event(Event.SERVER_GOES_ON), data)
    waited = traffic.value("time", reply) - traffic.value("time", data)
    prompt: Bools = _is_prompt(waited, traffic.handshakes.server_rtt_max) & (reply != ABSENT)
    return prompt


def _is_prompt(waited: Ints, server_rtt: Ints) -> Bools:
    prompt: Bools = waited <= 3 * np.maximum(server_rtt, 0) + SECOND // 4
    return prompt
