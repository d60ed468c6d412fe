"""Explicit congestion notification (RFC 3168): asked for and answered. Accurate ECN is in accecn.py."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import ACK, RST, SYN
from pcapcheck.evidence import Event
from pcapcheck.rules.among import ecn_flags
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.row_options import segments, some, texts
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# (AE, CWR, ECE) as a number of three bits, the ACE field: its lowest bit is bit 6 of tcp_flags.
_ACE_SHIFT: Final = 6
NO_ECN, CLASSIC_ACCEPTED, CLASSIC_REQUEST, NONCE, ACCECN_REQUEST = 0b000, 0b001, 0b011, 0b101, 0b111
ACE_TEXT: Final = [f"{ace:03b}" for ace in range(8)]

_REQUESTS: Final = ["reserved"] * 8
_REQUESTS[CLASSIC_REQUEST], _REQUESTS[ACCECN_REQUEST] = "classic ECN", "AccECN"

# The IP-ECN field (RFC 3168, section 5).
MARKS: Final = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")


def ace_of(traffic: Traffic) -> npt.NDArray[Any]:
    """(AE, CWR, ECE) of every row."""
    ace: npt.NDArray[Any] = traffic.column("tcp_flags") >> _ACE_SHIFT & 7
    return ace


def all_are(traffic: Traffic, rows: Bools, condition: Bools) -> Bools:
    """Which handshakes have such rows, and all of them meet the condition."""
    return some(traffic, rows) & ~some(traffic, rows & ~condition)


@rule(
    "EC01",
    "ecn-asked-for",
    "info",
    reference="RFC 3168, section 6.1.1; RFC 9768, sections 3.1.1 and 3.1.3",
    needs="the SYN",
    message="SYN has (AE,CWR,ECE) = {actual}",
    among=ecn_flags,
    fires="""
        +0   > SEW 0:0(0) win 64240 <mss 1460>
        +.02 < SE. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def ecn_asked_for(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN asks for explicit congestion notification.

    What it means: (AE,CWR,ECE) = 011 asks for classic ECN, 111 for accurate ECN. Any other combination but 000 is
    reserved: clients "MUST NOT send" it, servers that know AccECN "MUST negotiate the use of AccECN as if the three
    flags had been set to (1,1,1)"; it is a note.

    Why it matters: With ECN routers mark packets instead of dropping them. Some old firewalls drop such SYNs.

    Common causes: Normal. Reserved combinations come from scanners that tell systems apart by the answer.

    What to look at next: What the SYN-ACK says (rules EC02 to EC04).
    """
    ace = ace_of(traffic)
    syn = traffic.first_event(Event.SYN)
    asked = np.where(syn == ABSENT, NO_ECN, ace[syn])
    reserved = ~np.isin(asked, (NO_ECN, CLASSIC_REQUEST, ACCECN_REQUEST))
    return Answer(
        fails=asked != NO_ECN,
        applies=syn != ABSENT,
        frames=(traffic.value("frame", syn),),
        actual=texts(asked != NO_ECN, ACE_TEXT, asked),
        detail=texts(asked != NO_ECN, _REQUESTS, asked),
        severities=texts(reserved, ("note",), np.zeros_like(asked)),
    )


def answered(traffic: Traffic, applies: Bools, wrong: Bools, expected: str) -> Answer:
    """The answer of a rule about the flags of the SYN-ACK: ``wrong``, by row."""
    ace = ace_of(traffic)
    row = traffic.first(traffic.is_event(Event.SYNACK) & wrong)
    return Answer(
        fails=row != ABSENT,
        applies=applies & some(traffic, traffic.is_event(Event.SYNACK)),
        frames=(traffic.value("frame", row), traffic.value("frame", traffic.first_event(Event.SYN))),
        expected=expected,
        actual=texts(row != ABSENT, ACE_TEXT, ace[row]),
    )


@rule(
    "EC02",
    "classic-ecn-answered-wrongly",
    "warning",
    reference="RFC 3168, section 6.1.1",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
    among=ecn_flags,
    fires="""
        # It reflects the SYN's flags.
        +0   > SEW  0:0(0) win 64240 <mss 1460>
        +.02 < SEW. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > SEW 0:0(0) win 64240 <mss 1460>
        +.02 < SE. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def classic_ecn_answered_wrongly(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The answer to a SYN that asks for classic ECN neither accepts nor declines.

    What it means: A server that takes part "sets the ECE flag but not the CWR flag", one that does not "SHOULD clear
    both"; the flags of AccECN it "MUST NOT set ... unless the preceding SYN requested support for AccECN". Clients take
    every other combination for a refusal.

    Why it matters: The connection goes on without ECN.

    Common causes: A faulty stack that copies the SYN's reserved bits ("there exists at least one faulty TCP
    implementation"); a middlebox that sets or clears one of the flags. 101 is the historic ECN nonce (RFC 3540).

    What to look at next: Whether all answers of this server look so, and the same SYN-ACK at another capture point.
    """
    ace, syn = ace_of(traffic), traffic.is_event(Event.SYN)
    classic = all_are(traffic, syn, np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    classic &= some(traffic, syn & (ace == CLASSIC_REQUEST))
    answer = answered(traffic, classic, ~np.isin(ace, (NO_ECN, CLASSIC_ACCEPTED)), "001 or 000")
    return answer


@rule(
    "EC03",
    "ecn-not-asked-for",
    "warning",
    reference="RFC 3168, section 6.1.1; RFC 9768, section 3.1.1",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, but no SYN asked for ECN",
    among=ecn_flags,
    fires="""
        +0   > S   0:0(0) win 64240 <mss 1460>
        +.02 < SE. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # The SYN that is answered may be the one that asked.
        +0   > SEW 0:0(0) win 64240 <mss 1460>
        +1   > S   0:0(0) win 64240 <mss 1460>
        +.02 < SE. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def ecn_not_asked_for(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK has ECN flags although no SYN of the attempt asked for ECN.

    What it means: "If a host has received an ECN-setup SYN packet, then it MAY send an ECN-setup SYN-ACK packet.
    Otherwise, it MUST NOT send an ECN-setup SYN-ACK packet."

    Why it matters: The server may mark its packets as ECN-capable. The client does not feed marks back, and congestion
    goes unnoticed.

    Common causes: A middlebox between here and the client that clears the flags of SYNs; a faulty stack.

    What to look at next: The SYN at the client, and whether the server's data segments are ECN-capable.
    """
    ace, syn = ace_of(traffic), traffic.is_event(Event.SYN)
    unseen = ~some(traffic, syn) & some(traffic, traffic.is_event(Event.SYNACK) & (ace != NO_ECN))
    answer = answered(traffic, unseen | all_are(traffic, syn, ace == NO_ECN), ace != NO_ECN, "000")
    return Answer(answer.fails, answer.applies, some(traffic, syn), answer.frames, answer.expected, answer.actual)


@rule(
    "EC06",
    "ecn-capable-syn",
    "note",
    reference="RFC 3168, section 6.1.1; RFC 8311, section 4.3; RFC 5562",
    needs="the IP header of SYN and SYN-ACK",
    message="{actual}",
    among=lambda traffic: some(traffic, (traffic.column("tcp_flags") & SYN != 0) & (traffic.column("ecn") != 0)),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460> ecn ECT0
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # Data may be ECN-capable.
        +0   > SEW 0:0(0) win 64240 <mss 1460>
        +.02 < SE. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .   1:1(0) ack 1
        +0   > P.  1:101(100) ack 1 ecn ECT0
    """,
)
def ecn_capable_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A SYN or SYN-ACK is marked as ECN-capable in its IP header.

    What it means: "A host MUST NOT set ECT on SYN or SYN-ACK packets." Experiments may (RFC 8311): on a SYN that asks
    for AccECN, and on the answer to a SYN that asks for ECN (RFC 5562); there it is only named (info). CE says that a
    router found it marked ECT and marked it, or that somebody set the bits.

    Why it matters: Firewalls may drop such SYNs; hosts take them as a sign that the path mangles the field.

    Common causes: A router that rewrites the whole former TOS octet; an application that sets TOS bits; ECN++
    (generalized ECN) experiments.

    What to look at next: The ECN field of other segments of the same host, and of this one at another capture point.
    """
    ace = ace_of(traffic)
    opening = segments(traffic) & (traffic.column("tcp_flags") & (SYN | RST) == SYN)
    row = traffic.first(opening & (traffic.column("ecn") != 0))
    syn = traffic.is_event(Event.SYN)
    accecn = some(traffic, syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    asked = some(traffic, syn & (ace != NO_ECN))
    flags = traffic.value("tcp_flags", row)
    experiment = np.where(flags & ACK != 0, asked, accecn)
    place = (flags & ACK != 0).astype(np.int64)
    found = [f"{mark} on the {segment}" for segment in ("SYN", "SYN-ACK") for mark in MARKS]
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, opening),
        frames=(traffic.value("frame", row),),
        expected="Not-ECT",
        actual=texts(row != ABSENT, found, len(MARKS) * place + traffic.value("ecn", row)),
        severities=texts((row != ABSENT) & experiment, ("info",), np.zeros_like(row)),
    )
