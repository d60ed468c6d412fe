"""Segments that somebody sent in another's name."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import (
    Details,
    client_ttls,
    flagged,
    segments,
    server_ttls,
    synack_window,
    values_of,
)
from pcapcheck.evidence import Event
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows, once

# Paths differ by a hop or two.
_HOPS: Final = 2

# What each sign weighs against the RST; so much together is compatible with an injection, so much strong.
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
_OTHER_TTL, _ELSEWHERE, _GOES_ON, _TOO_SOON, _PEERS_ID, _PEERS_WINDOW, _NO_TIMESTAMPS, _NUMBERS = range(len(_WEIGHTS))
# Handshakes whose rows are looked at together: those with such an RST may be many.
_AT_A_TIME: Final = 1 << 13
_SOME: Final = 3
_MUCH: Final = 5


class _Resets(NamedTuple):
    """RSTs that may be forged; one entry an RST."""

    frame: Ints
    handshake: Ints
    signs: Bools  # of each sign, in the order of _WEIGHTS, whether it shows in each RST


def _resets(whole: Traffic, capture: CaptureFacts) -> _Resets:
    goes_on = ask(REGISTERED["RS08"], whole, capture)
    frame = np.full(len(whole.handshakes), ABSENT, np.int64)  # of the RST
    frame[goes_on.handshakes(goes_on.failed)] = goes_on.answer.frames[1][goes_on.failed] if len(goes_on.failed) else 0
    parts = whole.parts(_may_be_forged(whole) | (frame != ABSENT), _AT_A_TIME)
    found = [_resets_of(whole, at, part, frame[at]) for at, part in parts]
    if not found:
        nothing = np.empty(0, np.int64)
        return _Resets(nothing, nothing, np.empty((len(_WEIGHTS), 0), bool))
    return _Resets(*(np.concatenate(columns, axis=-1) for columns in zip(*found, strict=True)))


def _resets_of(whole: Traffic, chosen: Ints, traffic: Traffic, goes_on: Ints) -> _Resets:
    """Those of a part of the traffic, in which these handshakes are; of each the RST after which its sender goes on."""
    at = _suspected(traffic)
    of, frame, signs = traffic.handshake[at], traffic.column("frame")[at], _signs(traffic, at)
    alone = _own_ttls(traffic, at)[1] == ABSENT
    if alone.any():
        host = np.where(traffic.from_client[at], traffic.clients[of], traffic.servers[of])
        least, most = (bound[host] for bound in _ttls_of_hosts(whole))
        signs[_ELSEWHERE] = alone & _unlike(traffic.column("ttl")[at], least, most)
    signs[_GOES_ON] = frame == goes_on[of]
    signs[_TOO_SOON] = _too_soon(traffic, _fastest(whole), at)
    return _Resets(frame, chosen[of], signs)


def _suspected(traffic: Traffic) -> Ints:
    """Rows with an RST that may be forged."""
    # An RST that answers a wrong segment is what RFC 9293 asks for, and its sender may well go on.
    return (segments(traffic) & flagged(traffic, RST) & ~traffic.is_event(Event.RST_ANSWER)).nonzero()[0]


@by_rows(False)
def _may_be_forged(traffic: Traffic) -> Bools:
    """Which handshakes have an RST against which enough may speak, unless its sender goes on, which RS08 finds."""
    at = _suspected(traffic)
    signs = _signs(traffic, at)
    # What only other handshakes can show.
    signs[_ELSEWHERE], signs[_TOO_SOON] = _own_ttls(traffic, at)[1] == ABSENT, traffic.event[at] == Event.REFUSAL
    found = np.zeros(len(traffic.handshakes), bool)
    found[traffic.handshake[at[_weight(signs) >= _SOME]]] = True
    return found


def _weight(signs: Bools) -> Ints:
    """What all signs of each RST weigh together."""
    weight: Ints = np.array(list(_WEIGHTS.values())) @ signs
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
    fastest = np.full(int(traffic.servers.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    measured = handshakes.server_rtt_min > 0
    np.minimum.at(fastest, traffic.servers[measured], handshakes.server_rtt_min[measured])
    return fastest


def _too_soon(traffic: Traffic, fastest: Ints, at: Ints) -> Bools:
    """Which RSTs refused a SYN in less than half the time that any SYN-ACK of this server took."""
    handshakes, none = traffic.handshakes, np.iinfo(np.int64).max
    # A SYN-ACK that came all the same, after the RST.
    syn, synack = (traffic.first_event(event) for event in (Event.SYN, Event.SYNACK))
    only_syn = (handshakes.syn_count == 1) & (synack > syn)
    own = np.where(only_syn, traffic.value("time", synack) - traffic.value("time", syn), none)
    handshake = traffic.handshake[at]
    least = np.minimum(own, fastest[traffic.servers])[handshake]
    took = traffic.rows["time"][at] - traffic.value("time", syn)[handshake]
    soon: Bools = (traffic.event[at] == Event.REFUSAL) & (least < none) & (took * 2 < least)
    return soon


@diagnosis(
    "D14",
    "segment-injected",
    application="ECONNRESET or ECONNREFUSED",
    rivals=("port-closed", "accept-queue-full-reset", "synack-from-proxy"),
    decide_by="capture at the host in whose name the segment was sent: it is not there if somebody else sent it",
    fires="""
        # Somebody nearer refuses in the server's name; the server answers too.
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 64240 ttl 200
        +.1  < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > R  1:1(0) win 0
    """,
    silent="""
        # The route changed by one hop, and the host itself resets.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160 ttl 63
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.02 < R  1:1(0) win 0 ttl 62
    """,
)
def segment_injected(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """An RST (or a second SYN-ACK) was sent by somebody else than the host whose address it carries.

    What it means: Signs speak for it and are weighed. TTL more than two hops from that of the sender's other segments:
    3 (of its segments in other connections only: 2). The sender goes on as if nothing had been (RS08): 3. It came in
    less than half the time of the server's fastest answer: 2. IP id of the other side's segments: 2. Window of the
    other side, timestamps missing, RSTs with several numbers: 1 each. With 3 it is compatible, with 5 strong. Proved is
    only an RST whose sender goes on and whose TTL is another. A second SYN-ACK of another host (HS09) is compatible,
    unless the first is that of a SYN proxy.

    What else it could be: A firewall or load balancer that acts for the server with its owner's consent. A host that
    sends RSTs with another TTL than the rest. A new route in between.

    How to decide: Capture at the host in whose name the segment came. Its absence there is the proof.

    What the application saw: ECONNREFUSED while connecting, ECONNRESET later; nothing where the host ignored it.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    resets, second = _resets(traffic, capture), ask(REGISTERED["HS09"], traffic, capture)
    if not len(resets.frame) and not len(second.failed):
        return Conclusion.nothing(size)
    weight = _weight(resets.signs)
    proved = resets.signs[_GOES_ON] & (resets.signs[_OTHER_TTL] | resets.signs[_ELSEWHERE])
    # The one of each handshake that most speaks against; of equals the first.
    order = np.lexsort((-np.arange(len(weight)), weight, proved))
    best = np.full(size, ABSENT, np.int64)
    best[resets.handshake[order]] = order
    certainty = np.zeros(size, np.int64)
    (found,) = (best != ABSENT).nonzero()
    chosen = best[found]
    certainty[found] = np.select(
        [proved[chosen], weight[chosen] >= _MUCH, weight[chosen] >= _SOME], [PROVED, STRONG, COMPATIBLE], 0
    )
    frame = np.full(size, ABSENT, np.int64)
    frame[found] = resets.frame[chosen]
    others: dict[int, int] = {}  # handshake to the entry about its second SYN-ACK
    proxy = synack_window(traffic) == 0 if len(second.failed) else ()
    for entry, index in zip(second.failed.tolist(), second.handshakes(second.failed).tolist(), strict=True):
        if not certainty[index] and not proxy[index]:
            certainty[index], frame[index] = COMPATIBLE, second.answer.frames[0][entry]
            others[index] = entry

    def text(index: int) -> str:
        if index in others:
            answer, entry = second.answer, others[index]
            return f"a second SYN-ACK with {answer.actual[entry]}, the first had {answer.expected[entry]}"
        signs = resets.signs[:, best[index]]
        return "; ".join(sign for sign, holds in zip(_WEIGHTS, signs, strict=True) if holds)

    return Conclusion(
        certainty,
        evidence=(np.where(certainty > 0, frame, ABSENT), np.where(certainty > 0, handshakes.first_frame, ABSENT)),
        detail=Details(size, text),
    )
