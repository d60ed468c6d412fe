"""Which segments came, in which order, with which flags."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.attempts import SETTLED_NS
from pcapcheck.capture.frame import NO_TIME
from pcapcheck.decode.segment import ACK, FIN, PSH, RST, SYN, URG
from pcapcheck.evidence import PENDING_NS, Event, Fact
from pcapcheck.openings import ICMP
from pcapcheck.rules.among import flow_reused, one_sided_or
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import some
from pcapcheck.rules.wrong_number import flow_of
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, ACK_KINDS
from pcapcheck.traffic import Ints, Traffic

# So many new ISNs in a row are no application that tries again.
MANY_ISNS = 3


@rule(
    "HS01",
    "synack-without-syn",
    "warning",
    reference="RFC 9293, section 3.5, figures 6 and 11",
    needs="both directions, from 3 s before the SYN-ACK on",
    message="SYN-ACK acknowledges {actual}, but no such SYN was sent",
    among=lambda traffic: traffic.handshakes.facts & (Fact.SYN | Fact.SYNACK) == Fact.SYNACK,
    fires="""
        +0   arp
        +5   < S. 0:0(0) ack 1 win 65160
        +0   > R  1:1(0) win 0
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def synack_without_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN-ACK came to a host that had sent no SYN for it, and the host did not take it.

    What it means: The capture had begun well before, it sees what this host sends, and there is no SYN. Where the rest
    of a handshake follows, the SYN is only missing from the capture (outcome partial), and this is not found.

    Why it matters: Somebody sent SYNs with this host's address, or answers to the wrong host.

    Common causes: Backscatter: a server under attack answers SYNs with forged addresses. A scan with SYN-ACKs. An
    asymmetric path on which the SYN went another way. An old duplicate SYN (figure 11).

    What to look at next: How many such SYN-ACKs there are, from how many servers, and whether the host's RST reaches
    them.
    """
    handshakes = traffic.handshakes
    synack = handshakes.facts & Fact.SYNACK != 0
    syn = handshakes.facts & Fact.SYN != 0
    client_seen = handshakes.facts & Fact.CLIENT_SEEN != 0
    timed = (handshakes.start_time != NO_TIME) & (capture.first_time != NO_TIME)
    late = timed & (handshakes.start_time >= max(capture.first_time, 0) + PENDING_NS)
    stray = handshakes.is_outcome("stray")
    return Answer(
        fails=~syn & stray,
        applies=synack,
        decidable=syn | (stray & client_seen & late),
        frames=(handshakes.synack_frame,),
        expected="a SYN",
        actual=handshakes.synack_ack,
    )


@rule(
    "HS06",
    "syn-repeated-with-new-isn",
    "note",
    reference="RFC 9293, sections 3.4.1 and 3.10.8",
    needs="both directions",
    message="SYN has ISN {actual}, the unanswered SYN before it had {expected}",
    among=one_sided_or(flow_reused),
    fires="""
        +0   > S  0:0(0) win 64240
        +1   > S  77:77(0) win 64240
        +.02 < S. 0:0(0) ack 78 win 65160
        +0   > .  78:78(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def syn_repeated_with_new_isn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client sent another SYN on the same 4-tuple with a new initial sequence number before the first was settled.

    What it means: A retransmission repeats the same segment ("send the segment at the front of the retransmission queue
    again"), with the same number. A new number is a new attempt, although neither an RST nor a completion ended the one
    before. More than three in a row are a warning.

    Why it matters: The server may still answer the first SYN; such an answer looks wrong to the second attempt. Counts
    of retries and failure rates come out differently when attempts are taken for retransmissions, or the reverse.

    Common causes: An application with a fixed source port that gives up soon and tries again; a NAT or proxy that gives
    one port to two clients; a middlebox that rewrites initial sequence numbers afresh for every copy; a scanner; an old
    duplicate.

    What to look at next: The time between the SYNs (a kernel's retransmissions come at 1 s or more), and whether other
    4-tuples of this client do the same.
    """
    handshakes = traffic.handshakes
    flow = flow_of(traffic)
    by_flow = np.argsort(flow, kind="stable")
    before = np.full(len(flow), ABSENT, np.int64)
    same_flow = flow[by_flow[1:]] == flow[by_flow[:-1]]
    before[by_flow[1:][same_flow]] = by_flow[:-1][same_flow]
    first = traffic.first(np.ones(len(traffic.rows), bool))
    client_side = traffic.value("side", first) ^ ~traffic.from_client[first]
    syn = handshakes.facts & Fact.SYN != 0
    fails = (
        (before != ABSENT)
        & syn[before]
        & handshakes.is_outcome("unanswered", "half-open", "invalid", "pending")[before]
        & (client_side == client_side[before])
        & (handshakes.start_time - handshakes.last_time[before] <= SETTLED_NS)
    )
    return Answer(
        fails=fails,
        applies=syn,
        decidable=~handshakes.is_outcome("one-sided"),
        frames=(handshakes.syn_frame, np.where(fails, handshakes.syn_frame[before], ABSENT)),
        expected=np.where(fails, handshakes.client_isn[before], ABSENT),
        actual=handshakes.client_isn,
        severities=np.where(_run_lengths(fails, by_flow) > MANY_ISNS, "warning", "").astype(object),
    )


def _run_lengths(marked: Bools, order: Ints) -> Ints:
    """For each entry how many marked ones in a row, itself included, end with it in this order."""
    position = np.arange(len(order))
    lengths = np.empty(len(order), np.int64)
    lengths[order] = position - np.maximum.accumulate(np.where(marked[order], 0, position))
    return lengths


@rule(
    "HS07",
    "synack-repeated-with-new-isn",
    "warning",
    reference="RFC 9293, sections 3.4.1 and 3.10.8; RFC 4987, section 3.6",
    needs="both SYN-ACKs",
    message="SYN-ACK repeated with ISN {actual}, before it was {expected}",
    among=lambda traffic: traffic.handshakes.synack_count > 1,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +1   < S. 700:700(0) ack 1 win 65160
        +0   > .  1:1(0) ack 701
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def synack_repeated_with_new_isn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The same SYN was answered by SYN-ACKs with different initial sequence numbers.

    What it means: A server repeats its SYN-ACK unchanged ("send the segment at the front of the retransmission queue
    again"). Two numbers mean two answers: made by two machines, or by one that had forgotten the first.

    Why it matters: The client acknowledges one of them, and a server that stands behind the other resets it.

    Common causes: A SYN proxy or a load balancer that answers first, and then the server itself; two servers with one
    address; SYN cookies whose counter has moved on; an injected answer.

    What to look at next: TTL, window, options and time of each SYN-ACK: two machines differ in some of them; and which
    number the client acknowledges.
    """
    handshakes = traffic.handshakes
    synack = traffic.is_event(Event.SYNACK)
    first = traffic.first(synack)
    isn = traffic.value("seq", first)
    other = traffic.first(synack & (traffic.column("seq") != isn[traffic.handshake]))
    # After an RST the server has returned to LISTEN and may choose again.
    reset = traffic.first_event(Event.ABORT)
    return Answer(
        fails=(other != ABSENT) & ((reset == ABSENT) | (other < reset)),
        applies=handshakes.synack_count > 1,
        decidable=~handshakes.is_outcome("one-sided") | (other != ABSENT),
        frames=(traffic.value("frame", other), traffic.value("frame", first)),
        expected=isn,
        actual=traffic.value("seq", other),
    )


@rule(
    "HS08",
    "synack-takes-back-acknowledgement",
    "warning",
    reference="RFC 9293, section 3.10.7.4, seventh; RFC 7413, section 4.2",
    needs="both SYN-ACKs",
    message="repeated SYN-ACK acknowledges {actual}, before it was {expected}",
    among=lambda traffic: traffic.handshakes.synack_count > 1,
    fires="""
        # It had taken the SYN's 100 octets of data.
        +0   > S  0:100(100) win 64240 <FO 0011223344556677>
        +.02 < S. 0:0(0) ack 101 win 65160
        +1   < S. 0:0(0) ack 1 win 65160
        +0   > .  101:101(0) ack 1
    """,
    silent="""
        # It takes the data at the second try.
        +0   > S  0:100(100) win 64240 <FO 0011223344556677>
        +.02 < S. 0:0(0) ack 1 win 65160
        +1   < S. 0:0(0) ack 101 win 65160
        +0   > .  101:101(0) ack 1
    """,
)
def synack_takes_back_acknowledgement(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A repeated SYN-ACK acknowledges less data of the SYN than the one before it did.

    What it means: A server may take data in a SYN or leave it, but what it has acknowledged it cannot take back: "The
    total of RCV.NXT and RCV.WND should not be reduced". (An acknowledgement of something that was never sent is HS02.)

    Why it matters: The client has dropped the data as delivered, and the server waits for it. The connection hangs.

    Common causes: A server that keeps no state of the data in its SYN queue; a middlebox that answers in the server's
    place; a fault in a Fast Open implementation.

    What to look at next: Whether the client sends the data once more, and the SYN-ACKs' TTL and options.
    """
    handshakes = traffic.handshakes
    synack = traffic.is_event(Event.SYNACK)
    first = traffic.first(synack)
    same_isn = synack & (traffic.column("seq") == traffic.value("seq", first)[traffic.handshake])
    # The furthest acknowledgement so far of each handshake: the rows are sorted by handshake, so one running maximum
    # does for all of them.
    taken = seq.ahead(traffic.number("ack"), handshakes.client_isn[traffic.handshake])
    key = np.where(same_isn, traffic.handshake * 2 * seq.MODULUS + taken, ABSENT)
    furthest = np.maximum.accumulate(key)
    back = traffic.first(same_isn & (key < furthest))
    reached = np.where(back == ABSENT, ABSENT, (furthest[back] if len(furthest) else 0) % (2 * seq.MODULUS))
    return Answer(
        fails=back != ABSENT,
        applies=handshakes.synack_count > 1,
        decidable=~handshakes.is_outcome("one-sided") | (back != ABSENT),
        frames=(traffic.value("frame", back), traffic.value("frame", first)),
        expected=np.where(back == ABSENT, ABSENT, seq.add(handshakes.client_isn, reached)),
        actual=traffic.value("ack", back),
    )


_NAMES = ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"), (URG, "URG"))


def _impossible_sets() -> Bools:
    """Whether no host sends a set of these six flags, the set as a number."""
    flags, urgent_end = np.arange(2 * URG), FIN | PSH | URG
    found: Bools = (flags & SYN != 0) & (flags & (FIN | RST | URG) != 0)
    found |= (flags == 0) | (flags & (urgent_end | SYN | ACK) == urgent_end)
    return found


_IMPOSSIBLE: Final = _impossible_sets()


def _impossible(traffic: Traffic) -> Bools:
    """Rows with flags that no host sends together."""
    found: Bools = _IMPOSSIBLE[traffic.column("tcp_flags") & (2 * URG - 1)] & (traffic.column("kind") != ICMP)
    return found


@rule(
    "HS13",
    "impossible-flags",
    "warning",
    reference="RFC 9293, sections 3.1 and 3.10.7",
    needs="the flags",
    message="segment with {actual}",
    among=lambda traffic: some(traffic, _impossible(traffic)),
    fires="""
        +0   > SF 0:0(0) win 1024
        +30  arp
    """,
    silent="""
        # ECN bits, AccECN's and data belong on a SYN.
        +0   > SEWe 0:10(10) win 64240 <FO 0011223344556677>
        +.02 < S. 0:0(0) ack 11 win 65160
        +0   > .  11:11(0) ack 1
    """,
)
def impossible_flags(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment has flags that no host sends together: SYN with FIN, RST or URG, none at all, or FIN, PSH and URG.

    What it means: The standard forbids none of these in so many words, but it has no use for them either; what a host
    answers tells its operating system and whether the port is open.

    Why it matters: It is how scanners and test tools look. Firewalls and hosts treat such segments differently, so what
    follows proves little.

    Common causes: A port scan (SYN+FIN, NULL, "Xmas"); a fingerprinting tool; damaged headers.

    What to look at next: The other segments of the same source: how many ports and hosts it tries.
    """
    flags = traffic.number("tcp_flags")
    row = traffic.first(_impossible(traffic))
    (found,) = (row != ABSENT).nonzero()
    texts = [
        "+".join(name for bit, name in _NAMES if flags[row[index]] & bit) or "no flags" for index in found.tolist()
    ]
    return Answer(
        fails=row != ABSENT,
        frames=(traffic.value("frame", row),),
        expected="flags of an opening, a transfer or a close",
        actual=words(len(row), found.tolist(), texts),
    )


@rule(
    "HS17",
    "completed-by-data",
    "info",
    reference="RFC 9293, section 3.10.7.3, fourth",
    needs="the completing segment",
    message="the handshake was completed by {actual} instead of a bare ACK",
    among=lambda traffic: traffic.handshakes.ack_kind > ACK_KINDS.index("ack"),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +.1  > P. 1:101(100) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:101(100) ack 1
    """,
)
def completed_by_data(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment with data or a FIN completed the handshake.

    What it means: Legal: "Data or controls that were queued for transmission MAY be included" in the ACK of the
    SYN-ACK.

    Why it matters: The client's RTT (SYN-ACK to ACK) then holds the time that the application took to send.

    Common causes: A client that delays its ACK to send data with it; Fast Open; a bare ACK that was lost or is missing
    from the capture.

    What to look at next: Whether all connections of this client do so (its TCP) or only some (loss).
    """
    handshakes = traffic.handshakes
    return Answer(
        fails=np.isin(handshakes.ack_kind, [ACK_KINDS.index("data"), ACK_KINDS.index("fin")]),
        applies=handshakes.ack_kind != ACK_KINDS.index(""),
        frames=(handshakes.ack_frame,),
        expected="ack",
        actual=np.array(ACK_KINDS, object)[handshakes.ack_kind],
    )
