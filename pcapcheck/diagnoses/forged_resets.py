"""RSTs that may be forged, and the signs of it: those that need other handshakes are looked up without any rows."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import Bools
from pcapcheck.diagnoses.columns import client_ttls, flagged, segments, server_ttls, values_of
from pcapcheck.evidence import Event
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, once

# Paths differ by a hop or two.
_HOPS: Final = 2

# What each sign weighs against the RST.
_WEIGHTS: Final = {
    "its TTL is not that of the sender's other segments": 3,
    "its TTL is not that of the sender's segments elsewhere": 2,
    "the sender goes on": 3,
    "it came sooner than any answer of this server": 2,
    "its IP id is that of a segment of the other side": 2,
    "its window is that of the other side": 1,
    "it lacks the timestamps that were agreed on": 1,
    "RSTs with several numbers were sent": 1,
}
_WEIGHT: Final = np.array(list(_WEIGHTS.values()))
_OTHER_TTL, _ELSEWHERE, _GOES_ON, _TOO_SOON, _PEERS_ID, _PEERS_WINDOW, _NO_TIMESTAMPS, _NUMBERS = range(len(_WEIGHTS))
# So much together is compatible with an injection, so much strong.
SOME: Final = 3
MUCH: Final = 5
# Handshakes whose rows are looked at together: those with such an RST may be many.
_AT_A_TIME: Final = 1 << 13

# Later than anything.
_NEVER: Final = np.iinfo(np.int64).max


class Resets(NamedTuple):
    """RSTs that may be forged; one entry an RST."""

    frame: Ints
    handshake: Ints
    signs: Bools  # of each sign, in the order of _WEIGHTS, whether it shows in each RST

    @property
    def weight(self) -> Ints:
        """What all signs of each weigh together."""
        return _weight(self.signs)

    @property
    def proved(self) -> Bools:
        """Which are certainly of somebody else: the sender goes on, and its TTL is another."""
        proved: Bools = self.signs[_GOES_ON] & (self.signs[_OTHER_TTL] | self.signs[_ELSEWHERE])
        return proved

    def says(self, entry: int) -> str:
        """The signs of one in words."""
        return "; ".join(sign for sign, holds in zip(_WEIGHTS, self.signs[:, entry], strict=True) if holds)


def forged_resets(whole: Traffic, capture: CaptureFacts) -> Resets:
    """Those of a capture against which enough may speak, and others of their handshakes."""
    goes_on = ask(REGISTERED["RS08"], whole, capture)
    frame = np.full(len(whole.handshakes), ABSENT, np.int64)  # of the RST
    frame[goes_on.handshakes(goes_on.failed)] = goes_on.answer.frames[1][goes_on.failed] if len(goes_on.failed) else 0
    parts = whole.parts(_may_be_forged(whole) | (frame != ABSENT), _AT_A_TIME)
    found = [_resets_of(whole, at, part, frame[at]) for at, part in parts]
    if not found:
        nothing = np.empty(0, np.int64)
        return Resets(nothing, nothing, np.empty((len(_WEIGHTS), 0), bool))
    return Resets(*(np.concatenate(columns, axis=-1) for columns in zip(*found, strict=True)))


def _resets_of(whole: Traffic, chosen: Ints, traffic: Traffic, goes_on: Ints) -> Resets:
    """Those of a part of the traffic, in which these handshakes are; of each the RST after which its sender goes on."""
    at = _suspected(traffic)
    of, frame, signs = traffic.handshake[at], traffic.column("frame")[at], _signs(traffic, at)
    alone = _is_alone(traffic, at)
    if alone.any():
        host = np.where(traffic.from_client[at], traffic.clients[of], traffic.servers[of])
        least, most = (bound[host] for bound in _ttls_of_hosts(whole))
        signs[_ELSEWHERE] = alone & _unlike(traffic.column("ttl")[at], least, most)
    signs[_GOES_ON] = frame == goes_on[of]
    signs[_TOO_SOON] = _too_soon(traffic, at, _fastest(whole)[traffic.servers])
    return Resets(frame, chosen[of], signs)


def _suspected(traffic: Traffic) -> Ints:
    """Rows with an RST that may be forged."""
    # An RST that answers a wrong segment is what RFC 9293 asks for, and its sender may well go on.
    return (segments(traffic) & flagged(traffic, RST) & ~traffic.is_event(Event.RST_ANSWER)).nonzero()[0]


def _may_be_forged(whole: Traffic) -> Bools:
    """Which handshakes may have an RST against which enough speaks, unless its sender goes on, which RS08 finds.

    What other handshakes show is looked up without rows, and only where it may be enough. A sign that one RST of a
    handshake has counts for all of its RSTs: none of them weighs more.
    """
    found = np.zeros(len(whole.handshakes), bool)
    weight = _own_weight(whole)
    (at,) = (weight != ABSENT).nonzero()
    if not len(at):
        return found
    weight, servers = weight[at], whole.servers[at]
    took, least, most = _to_be_compared(whole.take(at))
    weight += _WEIGHT[_TOO_SOON] * ((took != ABSENT) & (took * 2 < _fastest(whole)[servers]))
    alone = (least != ABSENT) & (weight + _WEIGHT[_ELSEWHERE] >= SOME)
    if alone.any():
        low, high = (bound[servers] for bound in _ttls_of_hosts(whole))
        weight += _WEIGHT[_ELSEWHERE] * (alone & (_unlike(least, low, high) | _unlike(most, low, high)))
    found[at[weight >= SOME]] = True
    return found


@by_rows(ABSENT)
def _own_weight(traffic: Traffic) -> Ints:
    """The most that the rows of each handshake say against one of its RSTs.

    ABSENT where even all that other handshakes can show would not make it enough.
    """
    found = np.full(len(traffic.handshakes), ABSENT, np.int64)
    at = _suspected(traffic)
    if not len(at):
        return found
    signs, alone = _signs(traffic, at), _is_alone(traffic, at)
    # Clients that send no more than an RST are few: what their other connections show is not looked up.
    signs[_ELSEWHERE], signs[_TOO_SOON] = alone & traffic.from_client[at], _too_soon(traffic, at, _NEVER)
    own = _weight(signs)
    signs[_ELSEWHERE], signs[_TOO_SOON] = alone, traffic.event[at] == Event.REFUSAL
    enough = _weight(signs) >= SOME
    np.maximum.at(found, traffic.handshake[at[enough]], own[enough])
    return found


@by_rows((ABSENT,) * 3)
def _to_be_compared(traffic: Traffic) -> tuple[Ints, Ints, Ints]:
    """What other handshakes are to be compared with, where that may be enough; ABSENT where there is no such RST.

    The least time, at least 0, that an RST took to refuse; the least and the greatest TTL of the RSTs of a server that
    sent nothing else.
    """
    took, least, most = np.full((3, len(traffic.handshakes)), ABSENT, np.int64)
    at = _suspected(traffic)
    at = at[_own_weight(traffic)[traffic.handshake[at]] != ABSENT]
    refusals = at[traffic.event[at] == Event.REFUSAL]
    _lower(took, traffic.handshake[refusals], np.maximum(_took(traffic, refusals), 0))
    others = at[_is_alone(traffic, at) & ~traffic.from_client[at]]
    of, ttl = traffic.handshake[others], traffic.number("ttl")[others]
    _lower(least, of, ttl)
    np.maximum.at(most, of, ttl)
    return took, least, most


def _lower(least: Ints, of: Ints, values: Ints) -> None:
    """Put the least of the values of each handshake, ABSENT so far, there."""
    least[of] = _NEVER
    np.minimum.at(least, of, values)


def _weight(signs: Bools) -> Ints:
    """What all signs of each RST weigh together."""
    weight: Ints = _WEIGHT @ signs
    return weight


def _signs(traffic: Traffic, at: Ints) -> Bools:
    """The signs that the other rows of its handshake show of each of these RSTs, in the order of _WEIGHTS."""
    handshakes, of = traffic.handshakes, traffic.handshake[at]
    ip_id, window = traffic.column("ip_id"), traffic.column("window")[at]
    sender, others = _sender(traffic, at), _others(traffic, of)
    identified = _sender(traffic, others) << 16 | np.maximum(ip_id[others], 0)
    numbers = values_of(sender << 32 | traffic.column("seq")[at]) >> 32
    agreed = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    first = np.full(2 * len(handshakes), ABSENT, np.int64)  # of each sender
    first[_sender(traffic, others[::-1])] = others[::-1]
    signs = np.zeros((len(_WEIGHTS), len(at)), bool)
    signs[_OTHER_TTL] = _unlike(traffic.column("ttl")[at], *_own_ttls(traffic, at))
    signs[_PEERS_ID] = (ip_id[at] > 0) & occur_in((sender ^ 1) << 16 | np.maximum(ip_id[at], 0), identified)
    signs[_PEERS_WINDOW] = (window > 0) & (window == traffic.value("window", first[sender ^ 1]))
    signs[_NO_TIMESTAMPS] = agreed[of] & (traffic.options.tsval[at] == ABSENT)
    signs[_NUMBERS] = np.bincount(numbers, minlength=2 * len(handshakes))[sender] > 1
    return signs


def _sender(traffic: Traffic, at: Ints) -> Ints:
    """One number for handshake and side of each of these rows; that of the other side differs in the last bit."""
    return traffic.handshake[at] << 1 | traffic.from_client[at]


def _others(traffic: Traffic, handshake: Ints) -> Ints:
    """The rows of these handshakes that are segments, neither RSTs nor copies."""
    rows = traffic.rows_of(values_of(handshake))
    return rows[(segments(traffic) & ~flagged(traffic, RST))[rows]]


def _own_ttls(traffic: Traffic, at: Ints) -> tuple[Ints, Ints]:
    """The least and the greatest TTL that the sender of each of these RSTs shows in their handshake, ABSENT if none."""
    of, from_client = traffic.handshake[at], traffic.from_client[at]
    sides = zip(client_ttls(traffic), server_ttls(traffic), strict=True)
    least, most = (np.where(from_client, client[of], server[of]) for client, server in sides)
    return least, most


def _is_alone(traffic: Traffic, at: Ints) -> Bools:
    """Which of these RSTs are of a host that sent nothing else in their handshake."""
    alone: Bools = _own_ttls(traffic, at)[1] == ABSENT
    return alone


@once
def _ttls_of_hosts(traffic: Traffic) -> tuple[Ints, Ints]:
    """The least and the greatest TTL of each host, in all its connections; the latter ABSENT where it sent nothing."""
    size = int(max(traffic.clients.max(initial=-1), traffic.servers.max(initial=-1))) + 1
    least, most = np.full(size, 256, np.int64), np.full(size, ABSENT, np.int64)
    for host, (low, high) in ((traffic.clients, client_ttls(traffic)), (traffic.servers, server_ttls(traffic))):
        np.minimum.at(least, host[low != ABSENT], low[low != ABSENT])
        np.maximum.at(most, host, high)
    return least, most


def _unlike(ttl: Ints, least: Ints, most: Ints) -> Bools:
    """Which TTLs are more than a hop or two from all that are known of their sender: from the least to the most."""
    unlike: Bools = (most != ABSENT) & ((ttl < least - _HOPS) | (ttl > most + _HOPS))
    return unlike


@once
def _fastest(traffic: Traffic) -> Ints:
    """The least time that a SYN-ACK of each host took."""
    handshakes = traffic.handshakes
    fastest = np.full(int(traffic.servers.max(initial=-1)) + 1, _NEVER)
    (measured,) = handshakes.meet("server_rtt_min", lambda rtt: rtt > 0).nonzero()
    np.minimum.at(fastest, traffic.servers[measured], handshakes.server_rtt_min[measured])
    return fastest


def _too_soon(traffic: Traffic, at: Ints, fastest: Ints | int) -> Bools:
    """Which of these RSTs refused a SYN in less than half the time that any SYN-ACK of this server took.

    ``fastest`` is that time in other handshakes, of the server of each handshake.
    """
    # A SYN-ACK that came all the same, after the RST.
    syn, synack = (traffic.first_event(event) for event in (Event.SYN, Event.SYNACK))
    only_syn = (traffic.handshakes.syn_count == 1) & (synack > syn)
    own = np.where(only_syn, traffic.value("time", synack) - traffic.value("time", syn), _NEVER)
    least = np.minimum(own, fastest)[traffic.handshake[at]]
    soon: Bools = (traffic.event[at] == Event.REFUSAL) & (least < _NEVER) & (_took(traffic, at) * 2 < least)
    return soon


def _took(traffic: Traffic, at: Ints) -> Ints:
    """How long after the first SYN of their handshake these rows came."""
    syn = traffic.value("time", traffic.first_event(Event.SYN))
    took: Ints = traffic.rows["time"][at] - syn[traffic.handshake[at]]
    return took
