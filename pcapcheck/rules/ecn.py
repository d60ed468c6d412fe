"""Explicit congestion notification: classic (RFC 3168) and accurate (AccECN, RFC 9768)."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import ACK, FIN, RST, SYN
from pcapcheck.evidence import Event
from pcapcheck.judge import Ints, Traffic
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.row_options import options_seen, segments, some
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT

# (AE, CWR, ECE) as a number of three bits, the ACE field: its lowest bit is bit 6 of tcp_flags.
_ACE_SHIFT: Final = 6
NO_ECN, CLASSIC_ACCEPTED, CLASSIC_REQUEST, NONCE, ACCECN_REQUEST = 0b000, 0b001, 0b011, 0b101, 0b111
_ACE_TEXT: Final = np.array([f"{ace:03b}" for ace in range(8)], object)

# The IP-ECN field (RFC 3168, section 5).
_MARKS: Final = np.array(["Not-ECT", "ECT(1)", "ECT(0)", "CE"], object)
# RFC 9768, tables 2 and 3: which ACE tells of which mark, and back (ABSENT: of none).
_ACE_OF_MARK: Final = np.array([0b010, 0b011, 0b100, 0b110])
_MARK_OF_ACE: Final = np.array([ABSENT, ABSENT, 0, 1, 2, ABSENT, 3, ABSENT])
# RFC 9768, section 3.2.2.3: as what a mark may arrive, as bits. Not-ECT and CE may not change, ECT not go away.
_ARRIVES: Final = np.array([0b0001, 0b1110, 0b1110, 0b1000])


def _ace(traffic: Traffic) -> Ints:
    return traffic.rows["tcp_flags"].astype(np.int64) >> _ACE_SHIFT & 7


def _all_are(traffic: Traffic, rows: Bools, condition: Bools) -> Bools:
    """Which handshakes have such rows, and all of them meet the condition."""
    return some(traffic, rows) & ~some(traffic, rows & ~condition)


def _arrivals(traffic: Traffic, rows: Bools) -> Ints:
    """For each handshake the marks with which one of these rows may have arrived, as bits."""
    marks = np.zeros(len(traffic.handshakes), np.int64)
    np.bitwise_or.at(marks, traffic.handshake[rows], _ARRIVES[traffic.rows["ecn"][rows]])
    return marks


def _marks_of(traffic: Traffic, row: Ints) -> npt.NDArray[np.object_]:
    marks: npt.NDArray[np.object_] = np.where(row == ABSENT, "", _MARKS[traffic.value("ecn", row)])
    return marks


@rule(
    "EC01",
    "ecn-asked-for",
    "info",
    reference="RFC 3168, section 6.1.1; RFC 9768, sections 3.1.1 and 3.1.3",
    needs="the SYN",
    message="SYN has (AE,CWR,ECE) = {actual}",
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
    ace = _ace(traffic)
    syn = traffic.first(traffic.event == Event.SYN)
    asked = np.where(syn == ABSENT, NO_ECN, ace[syn])
    reserved = ~np.isin(asked, (NO_ECN, CLASSIC_REQUEST, ACCECN_REQUEST))
    meaning = np.select([asked == CLASSIC_REQUEST, asked == ACCECN_REQUEST], ["classic ECN", "AccECN"], "reserved")
    return Answer(
        fails=asked != NO_ECN,
        applies=syn != ABSENT,
        frames=(traffic.value("frame", syn),),
        actual=_ACE_TEXT[asked],
        detail=meaning.astype(object),
        severities=np.where(reserved, "note", "").astype(object),
    )


def _answers(traffic: Traffic, applies: Bools, wrong: Bools, expected: str) -> tuple[Ints, Answer]:
    """An answer about the flags of the SYN-ACK, and the row on which it stands."""
    ace = _ace(traffic)
    row = traffic.first((traffic.event == Event.SYNACK) & wrong)
    return row, Answer(
        fails=row != ABSENT,
        applies=applies & some(traffic, traffic.event == Event.SYNACK),
        frames=(traffic.value("frame", row), traffic.value("frame", traffic.first(traffic.event == Event.SYN))),
        expected=expected,
        actual=np.where(row == ABSENT, "", _ACE_TEXT[ace[row]]).astype(object),
    )


@rule(
    "EC02",
    "classic-ecn-answered-wrongly",
    "warning",
    reference="RFC 3168, section 6.1.1",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
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
    ace, syn = _ace(traffic), traffic.event == Event.SYN
    classic = _all_are(traffic, syn, np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    classic &= some(traffic, syn & (ace == CLASSIC_REQUEST))
    _, answer = _answers(traffic, classic, ~np.isin(ace, (NO_ECN, CLASSIC_ACCEPTED)), "001 or 000")
    return answer


@rule(
    "EC03",
    "ecn-not-asked-for",
    "warning",
    reference="RFC 3168, section 6.1.1; RFC 9768, section 3.1.1",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, but no SYN asked for ECN",
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
    ace, syn = _ace(traffic), traffic.event == Event.SYN
    unseen = ~some(traffic, syn) & some(traffic, (traffic.event == Event.SYNACK) & (ace != NO_ECN))
    _, answer = _answers(traffic, unseen | _all_are(traffic, syn, ace == NO_ECN), ace != NO_ECN, "000")
    return Answer(
        answer.fails, answer.applies, some(traffic, syn), answer.frames, answer.expected, answer.actual
    )


@rule(
    "EC04",
    "accecn-answered-wrongly",
    "warning",
    reference="RFC 9768, sections 3.1.1, 3.1.2 (table 2), 3.1.3 and 3.2.2.3",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
    fires="""
        # It tells of ECT(0) on the SYN, which was Not-ECT here.
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < Se.  0:0(0) ack 1 win 65160 <mss 1460>
        +0   > W.   1:1(0) ack 1
    """,
    silent="""
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < SW.  0:0(0) ack 1 win 65160 <mss 1460>
        +0   > W.   1:1(0) ack 1
    """,
)
def accecn_answered_wrongly(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The answer to a SYN that asks for AccECN reflects its flags, is reserved, or tells of another mark than it had.

    What it means: The SYN-ACK says with which mark in the IP header the SYN arrived: 010 Not-ECT, 011 ECT(1), 100
    ECT(0), 110 CE. 001 is classic ECN only, 000 none. 111 is broken: "some older TCP Server implementations incorrectly
    set the TCP-ECN flags in the SYN/ACK by reflecting those in the SYN". 101 is reserved. A mark may change from ECT to
    CE on the way; that "the not-ECT codepoint changes", ECT vanishes or CE changes is mangling.

    Why it matters: The client falls back to no ECN (111), or must take the path for one that mangles marks and send
    without ECN.

    Common causes: A router that rewrites the whole former TOS octet; an old or faulty stack.

    What to look at next: The SYN's ECN field at the server, and whether other hosts behind the same path show it.
    """
    ace, rows = _ace(traffic), traffic.rows
    syn = traffic.event == Event.SYN
    asking = syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST))
    arrivals = _arrivals(traffic, asking)
    told = _MARK_OF_ACE[ace]
    mangled = (told != ABSENT) & (arrivals[traffic.handshake] >> np.maximum(told, 0) & 1 == 0)
    wrong = mangled | (ace == ACCECN_REQUEST) | (ace == NONCE)
    _, answer = _answers(traffic, some(traffic, asking), wrong, "")
    first = traffic.first(asking)
    mark = np.where(first == ABSENT, 0, rows["ecn"][first])
    expected = np.where(first == ABSENT, "", _ACE_TEXT[_ACE_OF_MARK[mark]] + " for " + _MARKS[mark])
    return Answer(answer.fails, answer.applies, None, answer.frames, expected.astype(object), answer.actual)


@rule(
    "EC05",
    "accecn-ack-wrong",
    "warning",
    reference="RFC 9768, section 3.2.2.1 (tables 3 and 4)",
    needs="the SYN-ACK and the options of the ACK that completes",
    message="ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
    fires="""
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < SW.  0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .    1:1(0) ack 1
    """,
    silent="""
        +0   > SeWE 0:0(0) win 64240 <mss 1460>
        +.02 < SW.  0:0(0) ack 1 win 65160 <mss 1460> ecn ECT0
        +0   > e.   1:1(0) ack 1
    """,
)
def accecn_ack_wrong(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The ACK of an AccECN SYN-ACK does not say with which mark that arrived.

    What it means: "A TCP Client in AccECN mode MUST feed back which of the 4 possible values of the IP-ECN field was on
    the SYN/ACK by writing it into the ACE field of a pure ACK with no SACK blocks": 010, 011, 100 or 110. Zero says that
    the client does not use AccECN after all, or that the field was cleared on the way.

    Why it matters: With zero, the server "MUST NOT set ECT on outgoing packets"; with a mark that the SYN-ACK did not
    have, it takes the path for one that mangles marks. Either way the connection loses ECN.

    Common causes: A middlebox that clears or restores ECN flags, or rewrites the former TOS octet; a faulty stack.

    What to look at next: The SYN-ACK's ECN field at the client, and the ACE field of the client's later segments.
    """
    ace, rows = _ace(traffic), traffic.rows
    syn, synack = traffic.event == Event.SYN, traffic.event == Event.SYNACK
    asked = some(traffic, syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    agreed = asked & _all_are(traffic, synack, (_MARK_OF_ACE[ace] != ABSENT) | (ace == NONCE))
    pure = (traffic.event == Event.COMPLETING) & (rows["payload_length"] == 0) & (rows["tcp_flags"] & FIN == 0)
    pure &= ~traffic.options.sack
    row, answered = traffic.first(pure), traffic.first(synack)
    told = np.where(row == ABSENT, NO_ECN, ace[row])
    mark = _MARK_OF_ACE[told]
    right = (mark != ABSENT) & (_arrivals(traffic, synack) >> np.maximum(mark, 0) & 1 == 1)
    sent = np.where(answered == ABSENT, 0, rows["ecn"][answered])
    return Answer(
        fails=(row != ABSENT) & ~right,
        applies=agreed & (row != ABSENT),
        decidable=options_seen(traffic, pure),
        frames=(traffic.value("frame", row), traffic.value("frame", answered)),
        expected=(_ACE_TEXT[_ACE_OF_MARK[sent]] + " for " + _MARKS[sent]).astype(object),
        actual=_ACE_TEXT[told],
    )


@rule(
    "EC06",
    "ecn-capable-syn",
    "note",
    reference="RFC 3168, section 6.1.1; RFC 8311, section 4.3; RFC 5562",
    needs="the IP header of SYN and SYN-ACK",
    message="{actual}",
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
    ace, rows = _ace(traffic), traffic.rows
    opening = segments(traffic) & (rows["tcp_flags"] & (SYN | RST) == SYN)
    row = traffic.first(opening & (rows["ecn"] != 0))
    syn = traffic.event == Event.SYN
    accecn = some(traffic, syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    asked = some(traffic, syn & (ace != NO_ECN))
    flags = traffic.value("tcp_flags", row)
    experiment = np.where(flags & ACK != 0, asked, accecn)
    names = np.where(flags & ACK != 0, "SYN-ACK", "SYN").astype(object)
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, opening),
        frames=(traffic.value("frame", row),),
        expected="Not-ECT",
        actual=np.where(row == ABSENT, "", _marks_of(traffic, row) + " on the " + names).astype(object),
        severities=np.where(experiment, "info", "").astype(object),
    )
