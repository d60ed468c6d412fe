"""Maximum segment sizes: absent, odd, and exceeded."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.decode.segment import SYN
from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.among import options_cut
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import options_seen, segments, some, texts
from pcapcheck.sorting import values_of
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

# RFC 9293, section 3.7.1 (MUST-15): the default send MSS, by whether it is IPv4.
DEFAULT_MSS_V4: Final = 536
DEFAULT_MSS_V6: Final = 1220
# The least that Linux takes seriously (TCP_MIN_MSS): the smallest IPv4 packet that goes unfragmented, with options.
SMALLEST_MSS: Final = 88
ETHERNET_MTU: Final = 1500

# Between the least that every host takes (RFC 9293, section 3.7.1: 576) and an Ethernet's: lowered for something.
LOWERED_MTUS: Final = range(577, ETHERNET_MTU)
# What packets of this size usually travel in.
TUNNEL_MTUS: Final = {
    1492: "PPPoE",
    1480: "IP in IP",
    1476: "GRE",
    1450: "VXLAN",
    1420: "WireGuard",
    1400: "IPsec or another tunnel",
    1280: "the smallest MTU of IPv6",
}


class _Large:
    """Of one side's receiver, the first segment larger than it may be, and whether that can be an artefact.

    A network card or kernel that merges segments (GSO, GRO, LRO) hands over larger ones than were sent. Linux counts
    the IP id on by the number of segments in one, so an id that is followed by the next higher one was one packet.
    """

    def __init__(self, traffic: Traffic, to_client: bool, limit: Ints) -> None:
        sent = segments(traffic) & (traffic.from_client != to_client) & (traffic.column("tcp_flags") & SYN == 0)
        # Eff.snd.MSS: what the options take is not left for data (RFC 9293, section 3.7.1; RFC 6691).
        size = traffic.number("payload_length") + traffic.column("options_length")
        of_row = limit[traffic.handshake]
        larger = sent & (traffic.column("payload_length") > 0) & (of_row != ABSENT) & (size > of_row)
        headers = np.where(traffic.column("ip_id") >= 0, 40, 60)
        proved = larger & (size + headers <= ETHERNET_MTU) & _sent_as_one(traffic, sent)
        self.row: Ints = traffic.first(proved)
        self.size: Ints = np.append(size, ABSENT)[self.row]
        doubtful = larger | (sent & (of_row != ABSENT) & (traffic.column("folded_largest") > of_row))
        self.undecided: Bools = some(traffic, doubtful) & (self.row == ABSENT)
        self.some: Bools = some(traffic, sent)


def _sent_as_one(traffic: Traffic, sent: Bools) -> Bools:
    """Which of these rows were one packet: the next of the same sender has the next IP id."""
    one = np.zeros(len(sent), bool)
    (where,) = sent.nonzero()
    by_handshake = traffic.handshake[where]
    ip_id = traffic.column("ip_id")[where].astype(np.int64)
    follows = (by_handshake[1:] == by_handshake[:-1]) & ((ip_id[1:] - ip_id[:-1]) & 0xFFFF == 1)
    follows &= (ip_id[1:] >= 0) & (ip_id[:-1] >= 0) & (traffic.column("folded")[where[:-1]] == 0)
    one[where[:-1][follows]] = True
    return one


def _without_mss(traffic: Traffic) -> Bools:
    handshakes = traffic.handshakes
    without: Bools = (handshakes.client_mss == ABSENT) | (handshakes.server_mss == ABSENT)
    without |= options_cut(traffic) | ~traffic.has(Event.SYN) | ~traffic.has(Event.SYNACK)
    without &= handshakes.facts & Fact.COMPLETED != 0
    return without


@rule(
    "OP03",
    "mss-missing",
    "note",
    reference="RFC 9293, section 3.7.1 (SHLD-5, MUST-15)",
    needs="the options of SYN and SYN-ACK of an established connection",
    message="no MSS option in {actual}",
    among=_without_mss,
    fires="""
        # 1000 octets are more than the default of 536.
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:1001(1000) ack 1
        +0   > P. 1001:1101(100) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:1001(1000) ack 1
        +0   > P. 1001:1101(100) ack 1
    """,
)
def mss_missing(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side opened the connection without saying how large segments it takes.

    What it means: "TCP implementations SHOULD send an MSS Option in every SYN segment when its receive MSS differs from
    the default 536 for IPv4 or 1220 for IPv6". Without it, the other side "MUST assume a default send MSS of 536 ...
    for IPv4 or 1220 ... for IPv6". It is a warning where the other side sends more than that at once.

    Why it matters: Small segments cost throughput; large ones, sent in spite of the missing option, may be more than
    the receiver or the path can take.

    Common causes: A middlebox that strips options; SYN cookies or a SYN proxy with few options; small embedded stacks;
    scanners and packet generators.

    What to look at next: Whether the option is there at another capture point, and the size of the first full segments.
    """
    handshakes = traffic.handshakes
    default = np.where(traffic.handshakes.is_v4, DEFAULT_MSS_V4, DEFAULT_MSS_V6)
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    client_seen, server_seen = options_seen(traffic, syn), options_seen(traffic, synack)
    no_client = client_seen & (handshakes.client_mss == ABSENT)
    no_server = server_seen & (handshakes.server_mss == ABSENT)
    traffic = traffic.only(no_client | no_server)
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    to_client = _Large(traffic, True, np.where(no_client, default, ABSENT))
    to_server = _Large(traffic, False, np.where(no_server, default, ABSENT))
    large = np.where(to_server.row != ABSENT, to_server.row, to_client.row)
    size = np.where(to_server.row != ABSENT, to_server.size, to_client.size)
    (found,) = (large != ABSENT).nonzero()
    row = np.where(no_client, traffic.first(syn), traffic.first(synack))
    return Answer(
        fails=no_client | no_server,
        applies=handshakes.facts & Fact.COMPLETED != 0,
        decidable=no_client | no_server | (client_seen & server_seen),
        frames=(traffic.value("frame", row), traffic.value("frame", large)),
        expected="an MSS option",
        actual=texts(
            no_client | no_server, ("", "the SYN", "the SYN-ACK", "the SYN and the SYN-ACK"), no_client + 2 * no_server
        ),
        detail=words(
            len(row),
            found.tolist(),
            [f"and yet {size[i]} octets with options, {default[i]} are the default" for i in found],
        ),
        severities=words(len(row), found.tolist(), ["warning"] * len(found)),
    )


def _may_exceed(traffic: Traffic) -> Bools:
    """Those with a segment larger than the lesser of both MSS."""
    handshakes = traffic.handshakes
    payload = traffic.column("payload_length")
    size = (payload + traffic.column("options_length")) * (payload > 0)
    largest = traffic.most(np.maximum(size, traffic.column("folded_largest")))
    least = np.minimum(handshakes.client_mss, handshakes.server_mss)
    return (largest > np.maximum(least, 0)) & ((handshakes.client_mss > 0) | (handshakes.server_mss > 0))


@rule(
    "OP04",
    "segment-exceeds-mss",
    "warning",
    reference="RFC 9293, section 3.7.1 (MUST-16); RFC 6691",
    needs="the options of SYN and SYN-ACK, and an IP id that shows that the segment was sent as one packet",
    message="segment of {actual} octets with options, the receiver takes {expected}",
    among=_may_exceed,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1300>
        +0   > .  1:1(0) ack 1
        +.1  > P. 1:1401(1400) ack 1
        +0   > P. 1401:1501(100) ack 1
    """,
    silent="""
        # As large as it may be: 1288 octets and 12 of options.
        +0   > S  0:0(0) win 64240 <mss 1460,nop,nop,TS val 100 ecr 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1300,nop,nop,TS val 900 ecr 100>
        +0   > .  1:1(0) ack 1 <nop,nop,TS val 101 ecr 900>
        +.1  > P. 1:1289(1288) ack 1 <nop,nop,TS val 201 ecr 900>
        +0   > P. 1289:1389(100) ack 1 <nop,nop,TS val 201 ecr 900>
    """,
)
def segment_exceeds_mss(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A segment carries more than its receiver said that it takes.

    What it means: "The maximum size of a segment that a TCP endpoint really sends, the 'effective send MSS', MUST be
    the smaller of the send MSS ... and the largest transmission size permitted by the IP layer"; the octets of options
    count against it. Segments that a network card or kernel merged (GSO, GRO, LRO) only look so: where the IP ids do
    not show that it was one packet on the wire, the rule is undecidable.

    Why it matters: The segment may be dropped on the way, or by the receiver; often it is the MSS that was lowered for
    a tunnel, and large segments then vanish while small ones pass.

    Common causes: A middlebox that lowers the MSS of SYNs but misses the SYN that the sender saw; a stack that forgets
    to subtract its options (RFC 2525, section 2.18); a packet generator.

    What to look at next: Whether this segment is acknowledged or repeated, and the MSS in the SYN at the sender.
    """
    handshakes = traffic.handshakes
    to_client = _Large(traffic, True, _largest_offered(traffic, True))
    to_server = _Large(traffic, False, _largest_offered(traffic, False))
    by_client = to_server.row != ABSENT
    row = np.where(by_client, to_server.row, to_client.row)
    known = (to_client.some & (handshakes.client_mss > 0)) | (to_server.some & (handshakes.server_mss > 0))
    return Answer(
        fails=row != ABSENT,
        applies=known,
        decidable=(row != ABSENT) | ~(to_client.undecided | to_server.undecided),
        frames=(
            traffic.value("frame", row),
            np.where(by_client, handshakes.synack_frame, handshakes.syn_frame),
        ),
        expected=np.where(by_client, handshakes.server_mss, handshakes.client_mss),
        actual=np.where(by_client, to_server.size, to_client.size),
    )


def _largest_offered(traffic: Traffic, by_client: bool) -> Ints:
    """The largest MSS that this side's SYNs name, ABSENT where none does or it is zero."""
    largest = np.full(len(traffic.handshakes), ABSENT, np.int64)
    mss = traffic.options.mss.astype(np.int64)
    offers = (
        segments(traffic) & (traffic.from_client == by_client) & (traffic.column("tcp_flags") & SYN != 0) & (mss > 0)
    )
    np.maximum.at(largest, traffic.handshake[offers], mss[offers])
    return largest


@by_rows(False)
def _offers_unseen(traffic: Traffic) -> Bools:
    """Those with a SYN or SYN-ACK whose options were not captured."""
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    unseen: Bools = some(traffic, syn) & ~options_seen(traffic, syn)
    return unseen | some(traffic, synack) & ~options_seen(traffic, synack)


def _below_ethernet(traffic: Traffic) -> Bools:
    """Those with an MSS that is less than an Ethernet bears."""
    below = options_cut(traffic).copy()
    for name in ("client_mss", "server_mss"):
        below |= traffic.handshakes.meet(name, lambda mss: (mss != ABSENT) & (mss < ETHERNET_MTU - 40))
    return below


@rule(
    "OP05",
    "unusual-mss",
    "note",
    reference="RFC 9293, section 3.7.1 (MUST-67)",
    needs="the options of SYN and SYN-ACK",
    message="MSS of {actual}",
    among=_below_ethernet,
    reads_rows=False,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 0>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 8960>
        +0   > .  1:1(0) ack 1
    """,
)
def unusual_mss(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side takes very small segments only, or somewhat smaller ones than an Ethernet bears.

    What it means: The MSS should be the size of the largest packet less the fixed headers: 1460 (IPv4) or 1440 (IPv6)
    on an Ethernet. Below 88 it is of no use: a note. A value that was lowered for PPPoE, a VPN or another tunnel is
    only named (info).

    Why it matters: With a tiny MSS a server spends its time on headers; attackers ask for it (CVE-2019-11479). A
    lowered MSS says that somebody on the path knows of a smaller MTU: where it is *not* lowered on the same path, large
    segments vanish.

    Common causes: Tiny: scanners, attacks, embedded stacks. Lowered: PPPoE, VPNs, overlay networks, routers that clamp.

    What to look at next: Whether both directions and all connections of this path name the same value.
    """
    handshakes = traffic.handshakes
    overhead = np.where(traffic.handshakes.is_v4, 40, 60)
    values = (handshakes.client_mss, handshakes.server_mss)
    tiny = [(mss != ABSENT) & (mss < SMALLEST_MSS) for mss in values]
    tunnel = [(mss + overhead >= LOWERED_MTUS.start) & (mss + overhead < LOWERED_MTUS.stop) for mss in values]
    by_client = tiny[0] | (tunnel[0] & ~tiny[1])
    mss = np.where(by_client, *values)
    fails = tiny[0] | tiny[1] | tunnel[0] | tunnel[1]
    named, mtu = fails & (mss >= SMALLEST_MSS), mss + overhead
    mtus = values_of(mtu[named])
    said = [f"an MTU of {one}, as with {TUNNEL_MTUS.get(one, 'a tunnel or a clamp')}" for one in mtus.tolist()]
    return Answer(
        fails=fails,
        applies=traffic.has(Event.SYN, Event.SYNACK),
        decidable=fails | ~_offers_unseen(traffic),
        frames=(np.where(by_client, handshakes.syn_frame, handshakes.synack_frame),),
        expected=ETHERNET_MTU - overhead,
        actual=mss,
        detail=texts(named, said, np.searchsorted(mtus, mtu)),
        severities=texts(named, ["info"], np.zeros(len(mss), np.int64)),
    )
