"""Columns that several diagnoses need: what groups of handshakes share, and what follows a row."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import Bools
from pcapcheck.diagnoses.few import Details as Details
from pcapcheck.evidence import Event
from pcapcheck.rules.positions import after as after
from pcapcheck.rules.positions import first_after as first_after
from pcapcheck.rules.positions import last as last
from pcapcheck.rules.row_options import segments as segments
from pcapcheck.rules.row_options import some as some
from pcapcheck.smooth import Smooth
from pcapcheck.sorting import ranks, stable_order
from pcapcheck.sorting import values_of as values_of
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, once
from pcapcheck.traffic import spread as spread

SECOND = 10**9
MILLISECOND = 10**6

# A pattern of a socket shows in so many of its handshakes.
_SAMPLE = 64

# Beyond int64.
_MOST: Final = 1 << 63

# A tap is near the server where the way to the server takes at most this part of the way to the client.
_NEAR = 10


def numbered(*columns: Ints) -> Ints:
    """One number, from 0, for each combination of values that occurs."""
    number, size = np.zeros(len(columns[0]), np.int64), 1
    for column in columns if len(number) else ():
        least = int(column.min())
        width = int(column.max()) - least + 1
        if size * width >= _MOST:
            number = ranks(number)
            size = int(number.max()) + 1
        number, size = number * width + (column - least), size * width
    return ranks(number)


def with_their_pairs(traffic: Traffic, mask: Bools) -> tuple[Ints, Ints]:
    """The handshakes between hosts of those that meet the mask, and a number for client and server of each.

    With those that meet it come all others of their client and server; of pairs of which none does some may come too.
    """
    clients, servers = traffic.clients, traffic.servers
    (at,) = (_those_of(clients, mask) & _those_of(servers, mask)).nonzero()
    return at, numbered(clients[at], servers[at])


def _those_of(group: Ints, mask: Bools) -> Bools:
    return any_of(group, mask)[group]


def sampled(group: Ints, mask: Bools) -> Bools:
    """The first handshakes of each group that meet the mask, as many as a pattern of the group can be told from."""
    (found,) = mask.nonzero()
    order = found[stable_order(group[found])]
    starts = np.flatnonzero(np.diff(group[order], prepend=ABSENT))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    sample = np.zeros(len(mask), bool)
    sample[order[place < _SAMPLE]] = True
    return sample


def counts_of(group: Ints, mask: Bools) -> Ints:
    """Of each group, from 0, how many of its handshakes meet the mask."""
    return np.bincount(group[mask.nonzero()[0]], minlength=int(group.max(initial=-1)) + 1)


def any_of(group: Ints, mask: Bools) -> Bools:
    """Of each group, from 0, whether one of its handshakes meets the mask."""
    found = np.zeros(int(group.max(initial=-1)) + 1, bool)
    found[group[mask.nonzero()[0]]] = True
    return found


def flood_syns(traffic: Traffic) -> Ints:
    """Of each socket, from 0, how many lone SYNs of a flood were set apart."""
    found = np.zeros(int(traffic.sockets.max(initial=-1)) + 1, np.int64)
    for socket, flood in traffic.floods.items():
        found[traffic.sockets[traffic.at_socket(socket).nonzero()]] = flood.syns
    return found


def least_of(group: Ints, values: Ints, mask: Bools) -> Ints:
    """Of each group, from 0, the least value of its handshakes that meet the mask, ABSENT where none does."""
    return _extreme_of(np.minimum, np.iinfo(np.int64).max, group, values, mask)


def most_of(group: Ints, values: Ints, mask: Bools) -> Ints:
    """Of each group, from 0, the greatest value of its handshakes that meet the mask, ABSENT where none does."""
    return _extreme_of(np.maximum, np.iinfo(np.int64).min, group, values, mask)


def _extreme_of(function: np.ufunc, none: int, group: Ints, values: Ints, mask: Bools) -> Ints:
    found = np.full(int(group.max(initial=-1)) + 1, none, np.int64)
    (at,) = mask.nonzero()
    function.at(found, group[at], values[at])
    found[found == none] = ABSENT
    return found


def any_between(group: Ints, time: Ints, mask: Bools, start: Ints, end: Ints, asked: Bools | None = None) -> Bools:
    """For each handshake that is asked about, whether one of its group that meets the mask has its time in
    start .. end, to the ms.
    """
    found = np.zeros(len(group), bool)
    if not mask.any():
        return found
    (at,) = (np.ones(len(group), bool) if asked is None else asked).nonzero()
    # One sorted key of group and time: what lies between two keys is one group's stretch of time.
    origin, width = int(time[mask].min()), int(np.ptp(time[mask])) // MILLISECOND + 2
    key = np.sort(group[mask] * width + (time[mask] - origin) // MILLISECOND)
    low = np.clip((start[at] - origin) // MILLISECOND, 0, width - 1)
    high = np.clip((end[at] - origin) // MILLISECOND, -1, width - 2)
    first = np.searchsorted(key, group[at] * width + low, "left")
    found[at] = np.searchsorted(key, group[at] * width + high, "right") > first
    return found


def before(traffic: Traffic, row: Ints) -> Bools:
    """Which rows come before the row given for their handshake; none where that is ABSENT."""
    earlier: Bools = np.arange(len(traffic.rows)) < row[traffic.handshake]
    return earlier


def flagged(traffic: Traffic, flags: int) -> Bools:
    """Which rows have one of these TCP flags."""
    found: Bools = traffic.column("tcp_flags") & flags != 0
    return found


@once
def near_server(traffic: Traffic) -> Bools:
    """Which handshakes were captured near their server, as the RTTs of all handshakes with that server show.

    Loss between such a tap and the server is unlikely; it is never excluded.
    """
    handshakes, servers = traffic.handshakes, traffic.servers
    measured = handshakes.is_known("server_rtt") & handshakes.meet("client_rtt", lambda rtt: rtt >= MILLISECOND)
    near = measured & (handshakes.server_rtt * _NEAR <= handshakes.client_rtt)
    if not near.any():
        return near
    near_count = counts_of(servers, near)
    at_server = (near_count > 0) & (near_count * 10 >= counts_of(servers, measured) * 9)
    return at_server[servers]


def _opening_of_smooth(traffic: Traffic, smooth: Smooth) -> tuple[Ints, Ints]:
    """A SYN-ACK that answers the only SYN."""
    start = traffic.handshakes.start_time[smooth.at]
    return start, start + traffic.handshakes.server_rtt[smooth.at]


@by_rows(_opening_of_smooth)
def opening_times(traffic: Traffic) -> tuple[Ints, Ints]:
    """When the first SYN and the first SYN-ACK of each handshake came, NO_TIME where there is none."""
    syn, synack = (traffic.first_event(event) for event in (Event.SYN, Event.SYNACK))
    time = np.append(traffic.number("time"), NO_TIME)
    return time[syn], time[synack]


@by_rows(lambda traffic, smooth: traffic.rows.take(traffic.starts[smooth.at])["window"])
def syn_window(traffic: Traffic) -> Ints:
    """The window of each SYN, ABSENT where there is none."""
    return traffic.value("window", traffic.first_event(Event.SYN))


@by_rows(lambda traffic, smooth: traffic.rows.take(traffic.starts[smooth.at] + 1)["window"])
def synack_window(traffic: Traffic) -> Ints:
    """The window of each SYN-ACK, ABSENT where there is none."""
    return traffic.value("window", traffic.first_event(Event.SYNACK))


@by_rows(lambda traffic, smooth: (traffic.handshakes.syn_ttl[smooth.at],) * 2)
def client_ttls(traffic: Traffic) -> tuple[Ints, Ints]:
    """The least and the greatest TTL of the client's segments, RSTs and copies aside; ABSENT where there are none."""
    return _ttls(traffic, traffic.from_client)


@by_rows(lambda traffic, smooth: (traffic.handshakes.synack_ttl[smooth.at],) * 2)
def server_ttls(traffic: Traffic) -> tuple[Ints, Ints]:
    """The same of the server's segments."""
    return _ttls(traffic, ~traffic.from_client)


def _ttls(traffic: Traffic, own: Bools) -> tuple[Ints, Ints]:
    own = own & segments(traffic) & ~flagged(traffic, RST)
    ttl = traffic.column("ttl")
    # The least is what lies furthest below the largest that there is. It is above the most where there are none.
    most, least = traffic.most(ttl * own), np.iinfo(ttl.dtype).max - traffic.most(~ttl * own)
    found = least <= most
    return np.where(found, least, ABSENT), np.where(found, most, ABSENT)
