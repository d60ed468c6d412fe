"""Captures that lack frames, or that mix what does not belong together."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.capture.frame import Clock
from pcapcheck.evidence import Event
from pcapcheck.faults.signs import UNDECODED, began_late, octets_missing
from pcapcheck.rules.among import flow_shared
from pcapcheck.rules.catalogue import Answer, about_capture, rule
from pcapcheck.stretch import Ahead, CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

_HANDSHAKE: Final = """
    +0   > S  0:0(0) win 64240
    +.02 < S. 0:0(0) ack 1 win 65160
    +0   > .  1:1(0) ack 1
"""


@rule(
    "CAP06",
    "frames-missing",
    "warning",
    reference="RFC 9293, section 3.4 (what is acknowledged was sent)",
    needs="both directions of a connection and its opening, or the drop counters of a pcapng file",
    message="the capture lacks frames: {actual}",
    fires=f"""{_HANDSHAKE}
        # 1401:2801 was sent, since it is acknowledged, but not captured.
        +0   > .  1:1401(1400) ack 1
        +.02 < .  1:1(0) ack 1401
        +0   > .  2801:4201(1400) ack 1
        +.02 < .  1:1(0) ack 4201
    """,
    silent=f"""{_HANDSHAKE}
        # Lost on the way and sent again: nothing is missing here.
        +0   > .  1:1401(1400) ack 1
        +0   > .  2801:4201(1400) ack 1
        +.02 < .  1:1(0) ack 1401
        +.3  > .  1401:2801(1400) ack 1
        +.02 < .  1:1(0) ack 4201
    """,
    per_capture=True,
)
def frames_missing(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """Segments were received, as their acknowledgements prove, that are not in the capture.

    What it means: Octets of a connection are acknowledged that were not captured although their sender went on, or a
    SYN-ACK or the completing ACK is missing though both sides go on. The octets are a lower bound: repeats hide losses.
    Drops that the capturing side counted itself (pcapng's isb_ifdrop and isb_osdrop) are told too.

    Why it matters: What the capture lacks looks like loss or silence of a host. Verdicts that stand on the absence of a
    segment (no answer, a missing ACK, a gap) are worth less here.

    Common causes: A disk or a processor too slow for the traffic; a mirror port that carries more than it can; one of
    two links of a bundle; a capture buffer that is too small.

    What to look at next: tcpdump's "packets dropped by kernel", a larger buffer (-B), a capture filter, a smaller
    snaplen; the drop counters of the mirror port.
    """
    handshakes = traffic.handshakes
    octets = octets_missing(traffic, capture)
    opening = handshakes.is_outcome("partial") & ~began_late(traffic, capture)
    incomplete = opening | (octets > 0)
    parts = []
    if capture.dropped:
        parts.append(f"{capture.dropped} lost by the capturing side's own count")
    if octets.any():
        parts.append(f"at least {int(octets.sum())} octets of {int((octets > 0).sum())} connection(s)")
    if opening.any():
        parts.append(f"an opening segment of {int(opening.sum())} connection(s)")
    (at,) = incomplete.nonzero()
    return about_capture(
        bool(parts),
        applies=capture.frames > 0,
        decidable=bool(parts) or not any(capture.skipped[reason] for reason in UNDECODED),
        frames=handshakes.first_frame[at[:1]].tolist(),
        expected="every segment that is acknowledged",
        actual=", ".join(parts),
    )


@rule(
    "CAP09",
    "one-flow-in-several-vlans",
    "note",
    reference="IEEE 802.1Q; RFC 9293, section 3.4",
    needs="VLAN tags or tunnels",
    message="one pair of endpoints lives in several VLANs or tunnels at once: {actual}",
    fires="""
        flow a isn 1000 5000
        +0   > S  0:0(0) win 64240 vlan 10
        +.04 < S. 0:0(0) ack 1 win 65160 vlan 10
        +0   > .  1:1(0) ack 1 vlan 10
        flow b isn 70000 90000
        +.01 > S  0:0(0) win 64240 vlan 20
        +.04 < S. 0:0(0) ack 1 win 65160 vlan 20
        +0   > .  1:1(0) ack 1 vlan 20
    """,
    silent="""
        # One connection with a tag in one direction only.
        +0   > S  0:0(0) win 64240 vlan 10
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1 vlan 10
    """,
    per_capture=True,
)
def one_flow_in_several_vlans(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The same addresses and ports are used in several VLANs or tunnels at the same time, with unrelated numbers.

    What it means: The initial sequence numbers differ from VLAN to VLAN and the connections overlap in time: they are
    different connections of different hosts. Each was judged on its own.

    Why it matters: Tools that know a connection by its 4-tuple alone mix their segments and report retransmissions and
    wrong numbers that nobody sent.

    Common causes: Customers with the same private addresses behind one trunk; a test bed that was cloned; overlapping
    networks of two sites.

    What to look at next: Filter by VLAN (`vlan.id == 10` in Wireshark) before comparing numbers.
    """
    handshakes = traffic.handshakes
    (at,) = (handshakes.syn_frame != ABSENT).nonzero()
    place = _place_of_syn(traffic)[at]
    if not (place != place[:1]).any():
        return about_capture(False, applies=len(at) > 0)
    shared = flow_shared(traffic)[at]
    place, at = place[shared], at[shared]
    flow, start, end = handshakes.flow[at], handshakes.start_time[at], handshakes.last_time[at]
    order = np.lexsort((start, flow))
    flow, place, start, end, at = flow[order], place[order], start[order], end[order], at[order]
    # Neighbours in time are enough: of several that overlap, two that follow each other do.
    mixed = (flow[1:] == flow[:-1]) & (place[1:] != place[:-1]) & (start[1:] <= end[:-1])
    mixed &= handshakes.client_isn[at[1:]] != handshakes.client_isn[at[:-1]]
    (found,) = mixed.nonzero()
    first = found[:1]
    vlans = sorted({place // 256 for place in [*place[found].tolist(), *place[found + 1].tolist()]})
    return about_capture(
        len(found) > 0,
        applies=len(at) > 0,
        frames=[*handshakes.syn_frame[at[first]].tolist(), *handshakes.syn_frame[at[first + 1]].tolist()],
        expected="one",
        actual=f"{len(set(flow[found].tolist()))} 4-tuple(s), VLANs {', '.join(map(_vlan, vlans))}",
    )


@by_rows(lambda traffic, smooth: traffic.handshakes.vlan[smooth.at] * 256 + traffic.handshakes.tunnel[smooth.at])
def _place_of_syn(traffic: Traffic) -> Ints:
    """In what VLAN and tunnel each SYN was: the VLAN (-1: none) times 256, and the number of the tunnel."""
    syn = traffic.first_event(Event.SYN)
    return traffic.value("vlan", syn) * 256 + traffic.value("tunnel", syn)


def _vlan(number: int) -> str:
    return "none" if number < 0 else str(number)


@rule(
    "CAP10",
    "several-clocks",
    "note",
    reference="draft-ietf-opsawg-pcapng, section 4.2 (if_tsresol, if_tsoffset)",
    needs="a pcapng file",
    message="clocks of this capture differ: {actual}",
    fires=f"""
        # A pcapng file with two interfaces, in microseconds and in nanoseconds.{_HANDSHAKE}""",
    silent=_HANDSHAKE,
    per_capture=True,
)
def several_clocks(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The interfaces of the file have time stamps of different resolution or offset, or taps contradict each other.

    What it means: Each time was converted by its own interface's rules. Whether two clocks agree is another matter: two
    interfaces of one machine share a clock, two machines do not. Of captures that were merged (`--merge`), packets that
    passed both taps bound the difference: where those of both directions seem to reach one tap later, its clock is
    ahead by the lesser of the two spans at least.

    Why it matters: A round trip whose two ends were captured by different interfaces is no more exact than the coarser
    of the two, and wrong by as much as the clocks differ.

    Common causes: Files of several machines merged with mergecap; an interface with hardware time stamps beside one
    without; a loopback or USB interface captured along.

    What to look at next: `capinfos` lists the interfaces. To compare times across machines, measure the offset of their
    clocks first (both directions of one connection bound it).
    """
    several = capture.clocks if len(capture.clocks) > 1 else ()
    found = [*map(_clock, several[:_NAMED])]
    found += [f"and {len(several) - _NAMED} more"] if len(several) > _NAMED else []
    found += map(_ahead, capture.ahead)
    return about_capture(bool(found), applies=capture.frames > 0, expected="one", actual=", ".join(found))


# A hostile file may have a clock for each of a million interfaces.
_NAMED: Final = 10


def _ahead(one: Ahead) -> str:
    return f"{one.path} at least {one.nanoseconds} ns ahead of {one.behind}"


def _clock(clock: Clock) -> str:
    offset = f" from {clock.offset_ns // 10**9:+d} s" if clock.offset_ns else ""
    return f"units of {clock.resolution} s{offset}"
