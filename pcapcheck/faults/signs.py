"""Faults that show in judged traffic: what a capture missed, merged or left unfinished.

Each function gives a column of handshakes; rules use them before they blame a host.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck import seq
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import FIN, PARTIAL, SYN, Skip
from pcapcheck.evidence import PENDING_NS, Event, Fact
from pcapcheck.openings import FAR, ICMP
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

Bools = npt.NDArray[np.bool_]

# Frames with these may have held a TCP segment; ARP, UDP and the like did not.
UNDECODED: Final = (
    Skip.FRAGMENT, Skip.CUT_HEADER, Skip.BAD_HEADER, Skip.UNKNOWN_LINK_TYPE, Skip.USER_LINK_TYPE, Skip.ENCRYPTED,
    Skip.TUNNEL, Skip.TOO_DEEP, Skip.LINK_FRAGMENT, Skip.AGGREGATE,
)  # fmt: skip

# A segment that is so many times the peer's MSS was joined by the host or its network card (GRO, LRO), or is still to
# be cut by it (TSO, GSO). A little more than the MSS is a fault of the sender.
MERGED: Final = 2


def began_late(traffic: Traffic, capture: CaptureFacts) -> Bools:
    """Whose SYN was sent before the capture began: open already, or answered just after its start."""
    handshakes = traffic.handshakes
    late = handshakes.has(Fact.SYNACK) & ~handshakes.has(Fact.SYN)
    if late.any():
        late &= handshakes.meet("start_time", lambda time: time - capture.first_time < PENDING_NS)
    return late | handshakes.is_outcome("midstream")


def ended_early(traffic: Traffic) -> Bools:
    """Which were undecided when the capture ended."""
    return traffic.handshakes.is_outcome("pending")


def one_sided(traffic: Traffic) -> Bools:
    """Of which the other direction was not captured."""
    return traffic.handshakes.is_outcome("one-sided")


def segment_missing(traffic: Traffic, capture: CaptureFacts) -> Bools:
    """Of which the capture lost a segment of the handshake."""
    missing: Bools = traffic.handshakes.is_outcome("partial") & ~began_late(traffic, capture)
    return missing


def frames_missing(traffic: Traffic, capture: CaptureFacts) -> Bools:
    """Of which the capture lost frames: an opening segment is missing, or more was acknowledged than was captured."""
    missing: Bools = segment_missing(traffic, capture) | (octets_missing(traffic, capture) > 0)
    return missing


def octets_missing(traffic: Traffic, capture: CaptureFacts) -> Ints:
    """For each handshake the octets that were sent and acknowledged and that nobody captured: at least so many.

    They lie below what the sender itself went on with, so that a wrong acknowledgement alone proves nothing. What was
    captured is counted with its repeats, so what remains is certain. Nothing is concluded where the payload of some
    frame was not read (fragments, cut headers).
    """
    if any(capture.skipped[reason] for reason in UNDECODED):
        return np.zeros(len(traffic.handshakes), np.int64)
    return _octets_not_captured(traffic)


@by_rows(0)
def _octets_not_captured(traffic: Traffic) -> Ints:
    handshakes = traffic.handshakes
    missing = np.zeros(len(handshakes), np.int64)
    if not len(traffic.rows):
        return missing
    beyond = traffic.column("folded_ack")
    usable = traffic.is_event(*_GOING_ON) & (beyond < FAR) & (traffic.column("folded_end") < FAR)
    opened = handshakes.is_outcome("established", "client-only")
    # A FIN counts as an octet.
    captured = traffic.column("folded_octets") + traffic.column("payload_length")
    captured += traffic.column("tcp_flags") & FIN != 0
    for isn, from_client in ((handshakes.client_isn, True), (handshakes.server_isn, False)):
        own = (traffic.from_client == from_client) & (traffic.column("kind") != ICMP)
        # In 32 bits, as they are in the segments: half the memory to go through.
        acknowledged = seq.ahead(traffic.column("ack"), seq.add(isn, 1).astype(np.uint32)[traffic.handshake])
        acknowledged = furthest(traffic, usable & ~own & (acknowledged < FAR), acknowledged + beyond)
        seen = np.add.reduceat(captured * own, traffic.starts[:-1]).astype(np.int64)
        short = opened & (isn != ABSENT) & (acknowledged > seen)
        if short.any():
            sent = _sent(traffic.only(short), isn, from_client)
            missing = np.maximum(missing, np.where(short, np.minimum(sent, acknowledged) - seen, 0))
    return missing


def _sent(traffic: Traffic, isn: Ints, from_client: bool) -> Ints:
    """For each handshake how far one side went on, in octets beyond its SYN; 0 where it has no such rows."""
    own = (traffic.from_client == from_client) & traffic.is_event(*_GOING_ON)
    end = seq.ahead(traffic.number("seq"), seq.add(isn, 1)[traffic.handshake]) + traffic.column("payload_length")
    end += traffic.column("tcp_flags") & FIN != 0
    own &= (end < FAR) & (traffic.column("folded_ack") < FAR) & (traffic.column("folded_end") < FAR)
    sent = np.zeros(len(isn), np.int64)
    np.maximum.at(sent, traffic.handshake[own], (end + traffic.column("folded_end"))[own])
    return sent


# Segments of a connection that is open, with numbers that fit.
_GOING_ON: Final = (Event.COMPLETING, Event.CLIENT_GOES_ON, Event.SERVER_GOES_ON)


def furthest(traffic: Traffic, rows: Bools, number: Ints) -> Ints:
    """The highest number of each handshake among these rows, 0 if none."""
    return traffic.most(number * rows)


@by_rows(False)
def untimed(traffic: Traffic) -> Bools:
    """In which times are missing or go back in the order of capture: nothing in them can be timed."""
    handshakes, time = traffic.handshakes, traffic.column("time")
    backwards = np.zeros(len(time), bool)
    backwards[1:] = (time[1:] < time[:-1]) & (traffic.handshake[1:] == traffic.handshake[:-1])
    return traffic.count(backwards | (time == NO_TIME)) > 0 if len(time) else np.zeros(len(handshakes), bool)


@by_rows(False)
def headers_cut(traffic: Traffic) -> Bools:
    """Of which some header was cut by the snaplen."""
    return traffic.count(traffic.column("unseen") != 0) > 0


def checksums_offloaded(traffic: Traffic) -> Bools:
    """Which rows have a checksum that the sender left to its network card: it was captured on the sender itself."""
    offloaded: Bools = traffic.column("checksum") == PARTIAL
    return offloaded


@by_rows(False)
def synack_before_syn(traffic: Traffic) -> Bools:
    """Of which the SYN-ACK stands before the SYN that it acknowledges."""
    syn, synack = traffic.first_event(Event.SYN), traffic.first_event(Event.SYNACK)
    early: Bools = (synack != ABSENT) & (syn != ABSENT) & (synack < syn)
    return early


def segments_merged(traffic: Traffic) -> Bools:
    """Which rows stand for several segments (GRO, LRO, TSO): their payload is far larger than the receiver's MSS."""
    to_server = traffic.handshakes.server_mss[traffic.handshake]
    to_client = traffic.handshakes.client_mss[traffic.handshake]
    mss = np.where(traffic.from_client, to_server, to_client)
    largest = np.maximum(traffic.column("payload_length"), traffic.column("folded_largest"))
    merged: Bools = (mss > 0) & (largest >= MERGED * mss) & (traffic.column("tcp_flags") & SYN == 0)
    return merged


def network_copies(traffic: Traffic, event: Event) -> tuple[Bools, Bools]:
    """Which rows of this event are later copies of one packet, and of which that cannot be told.

    A mirror's copies come at once and are set aside already (Event.COPY). One that comes later was made by the network
    and reaches the receiver too. It has the IP id of the first. Where there is no id it has its TSval: the clock behind
    that ticks before a timer expires (RFC 7323, section 5.4).
    """
    copies, unknown = np.zeros(len(traffic.rows), bool), np.zeros(len(traffic.rows), bool)
    its = traffic.is_event(event)
    repeated = traffic.count(its) > 1
    if not repeated.any():
        return copies, unknown
    (at,) = (its & repeated[traffic.handshake]).nonzero()
    handshake, tsval = traffic.handshake[at], traffic.options.tsval[at]
    ip_id = traffic.column("ip_id")[at].astype(np.int64)
    stamped = (ip_id <= 0) & (tsval != ABSENT)
    copies[at] = _seen_before(handshake, ip_id, ip_id > 0) | _seen_before(handshake, tsval, stamped)
    unknown[at] = (ip_id <= 0) & ~stamped
    return copies, unknown


def _seen_before(handshake: Ints, number: Ints, counts: Bools) -> Bools:
    """Where the same number stands further up in the same handshake, of those entries that count."""
    found = np.zeros(len(handshake), bool)
    (at,) = counts.nonzero()
    # One integer for both, so that one sort does.
    key: Any = handshake[at] << 32 | number[at]
    order = np.argsort(key, kind="stable")
    found[at[order[1:]]] = key[order[1:]] == key[order[:-1]]
    return found
