"""Segments that somebody sent in another's name."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.decode.segment import RST
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, client_ttls, server_ttls, synack_window, values_of
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED
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
# Handshakes whose rows are looked at together: those with an RST may be many.
_AT_A_TIME: Final = 1 << 13
_GOES_ON: Final = list(_WEIGHTS).index("the sender goes on")
_SOME: Final = 3
_MUCH: Final = 5


class _Resets(NamedTuple):
    """RSTs that may be forged; one entry an RST."""

    frame: Ints
    handshake: Ints
    signs: Bools  # of each sign, in the order of _WEIGHTS, whether it shows in each RST


def _resets(whole: Traffic, capture: CaptureFacts) -> _Resets:
    parts = whole.parts(_with_reset(whole), _AT_A_TIME)
    found = [_resets_of(whole, capture, at, part) for at, part in parts]
    if not found:
        nothing = np.empty(0, np.int64)
        return _Resets(nothing, nothing, np.empty((len(_WEIGHTS), 0), bool))
    return _Resets(*(np.concatenate(columns, axis=-1) for columns in zip(*found, strict=True)))


def _resets_of(whole: Traffic, capture: CaptureFacts, chosen: Ints, traffic: Traffic) -> _Resets:
    """Those of a part of the traffic, in which these handshakes are."""
    handshakes, size = traffic.handshakes, len(chosen)
    rows, from_client, of = traffic.rows, traffic.from_client, traffic.handshake
    normal = _normal(traffic)
    (at,) = (~normal & (rows["kind"] != ICMP) & ~traffic.is_event(Event.COPY, Event.RST_ANSWER)).nonzero()
    handshake, ttl = of[at], rows["ttl"][at].astype(np.int64)
    side = of * 2 + from_client
    own = _ttls(traffic, side, normal, 2 * size)
    alone = own[1][side[at]] == ABSENT
    elsewhere = np.zeros(len(at), bool)
    if alone.any():
        known = _ttls_of_hosts(whole)
        elsewhere = alone & _unlike(ttl, known, np.where(from_client, traffic.clients[of], traffic.servers[of])[at])
    goes_on = ask(REGISTERED["RS08"], whole, capture)
    reset_before = np.full(len(whole.handshakes), ABSENT, np.int64)
    if len(goes_on.failed):
        reset_before[goes_on.handshakes(goes_on.failed)] = goes_on.answer.frames[1][goes_on.failed]
    peers = (traffic.first(~from_client & normal), traffic.first(from_client & normal))
    window = np.where(from_client[at], *(traffic.value("window", row)[handshake] for row in peers))
    identified = (of << 1 | from_client) << 16 | np.maximum(rows["ip_id"].astype(np.int64), 0)
    agreed = (handshakes.client_timestamps == 1) & (handshakes.server_timestamps == 1)
    numbers = values_of(side[at] << 32 | rows["seq"][at]) >> 32
    signs = [
        _unlike(ttl, own, side[at]),
        elsewhere,
        rows["frame"][at] == reset_before[chosen][handshake],
        _too_soon(traffic, _fastest(whole), at),
        (rows["ip_id"][at] > 0) & np.isin(identified[at] ^ 1 << 16, identified[normal]),
        (rows["window"][at] > 0) & (rows["window"][at] == window),
        agreed[handshake] & (traffic.options.tsval[at] == ABSENT),
        np.bincount(numbers, minlength=2 * size)[side[at]] > 1,
    ]
    return _Resets(rows["frame"][at].astype(np.int64), chosen[handshake], np.array(signs))


@by_rows
def _with_reset(traffic: Traffic) -> Bools:
    """Which handshakes have an RST that may be forged."""
    suspected = (traffic.column("tcp_flags") & RST != 0) & (traffic.column("kind") != ICMP)
    # An RST that answers a wrong segment is what RFC 9293 asks for, and its sender may well go on.
    suspected &= ~traffic.is_event(Event.COPY, Event.RST_ANSWER)
    return traffic.count(suspected) > 0


@once
def _ttls_of_hosts(traffic: Traffic) -> tuple[Ints, Ints]:
    """As _ttls, of each host that sent anything, in all its connections."""
    size = int(max(traffic.clients.max(initial=-1), traffic.servers.max(initial=-1))) + 1
    least, most = np.full(size, 256, np.int64), np.full(size, ABSENT, np.int64)
    for host, (low, high) in ((traffic.clients, client_ttls(traffic)), (traffic.servers, server_ttls(traffic))):
        np.minimum.at(least, host[low != ABSENT], low[low != ABSENT])
        np.maximum.at(most, host, high)
    return least, most


def _normal(traffic: Traffic) -> Bools:
    """Which rows are segments, neither RSTs nor copies."""
    segment = (traffic.column("kind") != ICMP) & ~traffic.is_event(Event.COPY)
    normal: Bools = segment & (traffic.column("tcp_flags") & RST == 0)
    return normal


def _ttls(traffic: Traffic, group: Ints, mask: Bools, size: int) -> tuple[Ints, Ints]:
    """The least and the greatest TTL of the rows of each group that meet the mask; the latter ABSENT if none does."""
    least, most = np.full(size, 256, np.int64), np.full(size, ABSENT, np.int64)
    ttl = traffic.number("ttl")
    np.minimum.at(least, group[mask], ttl[mask])
    np.maximum.at(most, group[mask], ttl[mask])
    return least, most


def _unlike(ttl: Ints, known: tuple[Ints, Ints], group: Ints) -> Bools:
    """Which TTLs are more than a hop or two from all that are known of their group."""
    least, most = (bound[group] for bound in known)
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
    if not _with_reset(traffic).any() and not len(ask(REGISTERED["HS09"], traffic, capture).failed):
        return Conclusion.nothing(size)
    resets = _resets(traffic, capture)
    weight = np.array(list(_WEIGHTS.values())) @ resets.signs
    proved = resets.signs[_GOES_ON] & (resets.signs[0] | resets.signs[1])
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
    second = ask(REGISTERED["HS09"], traffic, capture)
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
