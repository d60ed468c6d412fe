"""SYN-ACKs that a server repeats although the client has acknowledged them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck.diagnoses.catalogue import Bools
from pcapcheck.diagnoses.columns import SECOND, after, before, last
from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.row_options import timestamps_of
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

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
    handshakes, rows = traffic.handshakes, traffic.rows
    ack = traffic.first_event(Event.COMPLETING)
    synack = traffic.first_event(Event.SYNACK)
    crossing = traffic.value("time", ack) + np.maximum(handshakes.server_rtt_max, 0)
    soonest = np.maximum(crossing, traffic.value("time", synack) + TIMER)
    again = traffic.is_event(Event.SYNACK) & after(traffic, ack)
    again &= traffic.column("time") > soonest[traffic.handshake]
    # A copy that the network delayed carries the timestamp of the first.
    repeated = (traffic.count(again) > 0)[traffic.handshake]
    tsval, _ = timestamps_of(rows, again | (repeated & (np.arange(len(rows)) == synack[traffic.handshake])))
    of_first = np.where(synack == ABSENT, ABSENT, tsval[synack] if len(rows) else ABSENT)
    again &= (tsval == ABSENT) | (tsval != of_first[traffic.handshake])
    first, final = traffic.first(again), last(traffic, again)
    counts = np.bincount(
        traffic.handshake[again], weights=1.0 + traffic.column("folded")[again], minlength=len(handshakes)
    ).astype(np.int64)
    reply = traffic.count(after(traffic, first) & before(traffic, final) & traffic.is_event(Event.CLIENT_GOES_ON))
    has_data = traffic.from_client & (traffic.column("payload_length") > 0)
    data = traffic.first(has_data & (traffic.is_event(Event.COMPLETING) | after(traffic, ack)))
    return Repeats(ack, counts, first, final, reply > 0, data)


def concerned(traffic: Traffic) -> Traffic:
    """The traffic with the rows of those completed handshakes alone whose server repeated its SYN-ACK."""
    handshakes = traffic.handshakes
    return traffic.only((handshakes.synack_count > 1) & (handshakes.facts & Fact.COMPLETED != 0))


@by_rows
def taken(traffic: Traffic) -> tuple[Ints, Bools]:
    """Of handshakes that the server took at once, without a repeat: the time of the ACK, and whether data was answered.

    The time is ABSENT of all others, and where nothing shows that the server took it.
    """
    repeats = find_repeats(traffic)
    spoke = traffic.first_event(Event.SERVER_GOES_ON) != ABSENT
    at_once = repeats.counts == 0
    time = np.where(at_once & spoke, traffic.value("time", repeats.ack), ABSENT)
    return time, at_once & (repeats.data != ABSENT) & taken_at_once(traffic, repeats)


def data_before_repeat(traffic: Traffic, repeats: Repeats) -> Bools:
    """Whether the client had sent data when the server repeated its SYN-ACK, and the server must have had it."""
    sent, repeated = traffic.value("time", repeats.data), traffic.value("time", repeats.first)
    in_time: Bools = sent + np.maximum(traffic.handshakes.server_rtt_max, 0) < repeated
    in_time &= (repeats.data != ABSENT) & (repeats.first != ABSENT)
    return in_time


def taken_at_once(traffic: Traffic, repeats: Repeats) -> Bools:
    """Whether the server went on about one round trip after the client's first data."""
    reply = traffic.first(traffic.is_event(Event.SERVER_GOES_ON) & after(traffic, repeats.data))
    waited = traffic.value("time", reply) - traffic.value("time", repeats.data)
    prompt: Bools = waited <= 3 * np.maximum(traffic.handshakes.server_rtt_max, 0) + SECOND // 4
    prompt &= reply != ABSENT
    return prompt
