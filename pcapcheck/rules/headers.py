"""Fields of single headers that no host puts there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapcheck.addresses import Addresses
from pcapcheck.decode.segment import ACK, BAD, NOT_CHECKED, RESERVED, RST, SYN
from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.positions import after
from pcapcheck.rules.row_options import segments, some
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, SHAPES
from pcapcheck.traffic import Ints, Traffic, by_rows


@rule(
    "HS12",
    "segment-without-ack",
    "warning",
    reference="RFC 9293, sections 3.1 and 3.10.7.4, fifth",
    needs="the flags of the segments that were kept",
    message="segment with {actual}, expected {expected}",
    among=lambda traffic: some(traffic, traffic.column("tcp_flags") & (SYN | RST | ACK) == 0),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P  1:101(100)
        +30  arp
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
        +.1  > R  101:101(0)
    """,
)
def segment_without_ack(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment that neither opens nor resets a connection has no ACK flag.

    What it means: The acknowledgement number is part of every other segment: "Once a connection is established, this is
    always sent". A receiver does nothing without it: "if the ACK bit is off, drop the segment and return".

    Why it matters: Its receiver drops the segment, data and all. What a host answers instead tells its operating system
    and whether the port is open.

    Common causes: A port scan (NULL, FIN, "Xmas"); a hand-written TCP in a test tool; a damaged header; IP fragments
    that were put together wrongly.

    What to look at next: The other segments of the same source, and whether it sent the same data again with ACK.
    """
    flags = traffic.column("tcp_flags")
    row = traffic.first(segments(traffic) & (flags & (SYN | RST | ACK) == 0))
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, segments(traffic) & (flags & (SYN | RST) == 0)),
        frames=(traffic.value("frame", row),),
        expected="the ACK flag",
        actual="no ACK flag",
    )


def _filled(traffic: Traffic) -> Bools:
    flags = traffic.column("tcp_flags")
    filled: Bools = (flags & RESERVED != 0) | ((flags & ACK == 0) & (traffic.column("ack") != 0))
    return filled & segments(traffic)


@rule(
    "HS14",
    "unused-fields-are-filled",
    "note",
    reference="RFC 9293, section 3.1; RFC 9768, section 3.1.1",
    needs="the segments that were kept",
    message="unused header field holds {actual}, expected {expected}",
    among=lambda traffic: some(traffic, _filled(traffic)),
    fires="""
        +0   > S  0:0(0) ack =77 win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # AE was a reserved bit once.
        +0   > SEWe 0:0(0) win 64240
        +.02 < S.   0:0(0) ack 1 win 65160
        +0   > .    1:1(0) ack 1
    """,
)
def unused_fields_are_filled(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A header field that means nothing in its segment is not zero: a reserved bit, or the number of an ACK not set.

    What it means: The reserved bits "must be zero in generated segments and must be ignored in received segments", and
    the acknowledgement number counts only "if the ACK control bit is set". The standard does not ask for zero there;
    operating systems write it all the same.

    Why it matters: A receiver ignores both, but firewalls drop such segments, and they tell who made them: the usual
    tools to send packets by hand fill these fields with chance numbers.

    Common causes: A scanner or a packet generator; a hidden channel; an experiment with a new flag; an old stack that
    does not clear its buffers.

    What to look at next: Whether all segments of the sender look so, and what else is odd about its SYNs.
    """
    row = traffic.first(_filled(traffic))
    bits = np.maximum(traffic.value("tcp_flags", row), 0) & RESERVED
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, segments(traffic)),
        frames=(traffic.value("frame", row),),
        expected="0",
        actual=np.where(bits != 0, bits >> 9, traffic.value("ack", row)),
        detail=np.where(bits != 0, "reserved bits", "acknowledgement number without the flag ACK").astype(object),
    )


class _Addresses(NamedTuple):
    """What is special about an address."""

    group: Bools  # multicast or broadcast; which one is a subnet's broadcast a capture does not say
    unspecified: Bools
    loopback: Bools

    def take(self, at: Ints) -> _Addresses:
        return _Addresses(*(column[at] for column in self))


def _special(addresses: Addresses) -> _Addresses:
    octets4 = addresses.ip4.astype(">u4").view(np.uint8).reshape(-1, 4)
    octets6 = np.ascontiguousarray(addresses.ip6).view(np.uint8).reshape(-1, 16)
    total4, total6 = octets4.sum(axis=1, dtype=np.int64), octets6.sum(axis=1, dtype=np.int64)
    first4, first6 = octets4[:, 0], octets6[:, 0]
    return _Addresses(
        # RFC 1122, section 3.2.1.3; RFC 5771; RFC 4291, section 2.7.
        group=np.append((first4 & 0xF0 == 0xE0) | (total4 == 4 * 255), first6 == 0xFF),
        unspecified=np.append(total4, total6) == 0,
        loopback=np.append(first4 == 127, (total6 == 1) & (octets6[:, -1] == 1)),
    )


def _reasons(traffic: Traffic) -> dict[str, Bools]:
    """What is wrong with the ends of each handshake; of several what is last: about addresses weighs more."""
    handshakes = traffic.handshakes
    hosts = _special(handshakes.hosts)
    client, server = hosts.take(traffic.clients), hosts.take(traffic.servers)
    same = (traffic.clients == traffic.servers) & (handshakes.client_port == handshakes.server_port)
    same &= (handshakes.shape != SHAPES.index("self-connect")) & ~client.loopback
    return {
        "port 0": (handshakes.client_port == 0) | (handshakes.server_port == 0),
        "a group address as destination": server.group,
        "an unspecified destination": server.unspecified,
        "a group address as source": client.group,
        "an unspecified source": client.unspecified,
        "the same address and port at both ends": same,
    }


def _impossible(traffic: Traffic) -> Bools:
    """Those with an end that cannot be one."""
    impossible: Bools = np.logical_or.reduce(list(_reasons(traffic).values()))
    return impossible


@rule(
    "HS16",
    "impossible-address-or-port",
    "warning",
    reference="RFC 9293, section 3.9.2.3, MUST-57 and MUST-63; RFC 1122, section 3.2.1.3; RFC 6335, section 6",
    needs="the SYN",
    message="SYN with {actual}, expected {expected}",
    among=_impossible,
    reads_rows=False,
    fires="""
        server 198.51.100.2:0
        +0   > S  0:0(0) win 64240
        +.02 < R. =0:0(0) ack 1 win 0
    """,
    silent="""
        client 127.0.0.1:40000
        server 127.0.0.1:80
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def impossible_address_or_port(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN comes from or goes to an address or port that cannot have a TCP connection.

    What it means: "An incoming SYN with an invalid source address MUST be ignored", and one "that is addressed to a
    broadcast or multicast address" MUST be discarded in silence. Port 0 is reserved. A SYN from an address and port to
    themselves is no connection either, unless a host connects to itself (shape self-connect).

    Why it matters: Nothing answers, or what answers should not. Such SYNs have crashed hosts ("land").

    Common causes: An attack or a scanner; a packet generator left at its defaults; a program that asks for port 0 by an
    unset variable; a host without an address yet.

    What to look at next: The MAC address of the sender, and whether anything answered.
    """
    handshakes = traffic.handshakes
    actual = np.full(len(handshakes), "", object)
    for reason, holds in _reasons(traffic).items():
        actual[holds] = reason
    return Answer(
        fails=actual != "",
        applies=handshakes.facts & Fact.SYN != 0,
        frames=(handshakes.syn_frame,),
        expected="two hosts and two ports",
        actual=actual,
    )


@by_rows(False)
def _with_wrong_checksum(traffic: Traffic) -> Bools:
    """Those with a segment whose checksum is wrong."""
    return some(traffic, traffic.column("checksum") == BAD)


@rule(
    "HS18",
    "wrong-checksum",
    "warning",
    reference="RFC 9293, section 3.1, MUST-2 and MUST-3",
    needs="a SYN or SYN-ACK that was captured whole",
    message="wrong TCP checksum on the {actual}, expected {expected}",
    among=_with_wrong_checksum,
    across=True,
    fires="""
        +0   > S  0:0(0) win 64240 badsum
        +1   > S  0:0(0) win 64240 badsum
        +30  arp
    """,
    silent="""
        # What a sender leaves to its network card.
        +0   > S  0:0(0) win 64240 partialsum
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def wrong_checksum(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The TCP checksum of a SYN or SYN-ACK is wrong, and nobody took the segment.

    What it means: "The TCP checksum is never optional. The sender MUST generate it and the receiver MUST check it". A
    checksum that only the sender's network card completes looks wrong on the sender itself; it is known by its value,
    or because the segment was answered, so that it must have been right when it arrived. Hosts of which that was seen
    are left out.

    Why it matters: The receiver drops the segment without a word. The capture shows it, the application does not.

    Common causes: A network card or driver that computes checksums wrongly; a NAT or a tunnel that changes addresses
    and leaves the checksum; a damaged frame; a packet generator.

    What to look at next: A capture on the other side of the network card or NAT, and the host's counters
    (`nstat -az TcpInCsumErrors`). Only SYN and SYN-ACK are checked.
    """
    bad = segments(traffic) & (traffic.column("checksum") == BAD)
    syn, answered = _rejected(traffic, bad, Event.SYN, (Event.SYNACK, Event.REFUSAL, Event.CHALLENGE))
    synack, completed = _rejected(traffic, bad, Event.SYNACK, (Event.COMPLETING,))
    offloading = np.concatenate([traffic.clients[answered], traffic.servers[completed]])
    by_offload = (syn != ABSENT) & occur_in(traffic.clients, offloading)
    by_offload |= (synack != ABSENT) & occur_in(traffic.servers, offloading)
    row = np.where(syn != ABSENT, syn, synack)
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, segments(traffic) & (traffic.column("checksum") != NOT_CHECKED)),
        decidable=~by_offload,
        frames=(traffic.value("frame", row),),
        expected="a right one",
        actual=np.where(syn != ABSENT, "SYN", "SYN-ACK").astype(object),
    )


def _rejected(traffic: Traffic, bad: Bools, event: Event, answers: tuple[Event, ...]) -> tuple[Ints, Bools]:
    """Of each handshake the first segment with a wrong checksum that nothing answers, and which have an answered one.

    Where another copy of it had a right checksum, the answer is that one's.
    """
    its = traffic.is_event(event)
    row = traffic.first(its & bad)
    answered = some(traffic, after(traffic, row) & traffic.is_event(*answers)) & ~some(traffic, its & ~bad)
    return np.where(answered, ABSENT, row), answered
