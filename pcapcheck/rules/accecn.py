"""Accurate ECN (AccECN, RFC 9768): SYN-ACK and ACK tell with which mark the other side's segment arrived."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.decode.segment import FIN
from pcapcheck.evidence import Event
from pcapcheck.rules.among import ecn_flags
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.ecn import (
    ACCECN_REQUEST,
    ACE_TEXT,
    CLASSIC_REQUEST,
    NO_ECN,
    NONCE,
    ace_of,
    all_are,
    answered,
)
from pcapcheck.rules.row_options import options_seen, some, texts
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# RFC 9768, tables 2 and 3: which ACE tells of which mark, and back (ABSENT: of none).
_ACE_OF_MARK: Final = ("010 for Not-ECT", "011 for ECT(1)", "100 for ECT(0)", "110 for CE")
_MARK_OF_ACE: Final = np.array([ABSENT, ABSENT, 0, 1, 2, ABSENT, 3, ABSENT])
# RFC 9768, section 3.2.2.3: as what a mark may arrive, as bits. Not-ECT and CE may not change, ECT not go away.
_ARRIVES: Final = np.array([0b0001, 0b1110, 0b1110, 0b1000])


def _arrivals(traffic: Traffic, rows: Bools) -> Ints:
    """For each handshake the marks with which one of these rows may have arrived, as bits."""
    marks = np.zeros(len(traffic.handshakes), np.int64)
    np.bitwise_or.at(marks, traffic.handshake[rows], _ARRIVES[traffic.column("ecn")[rows]])
    return marks


@rule(
    "EC04",
    "accecn-answered-wrongly",
    "warning",
    reference="RFC 9768, sections 3.1.1, 3.1.2 (table 2), 3.1.3 and 3.2.2.3",
    needs="all SYNs and the SYN-ACK",
    message="SYN-ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
    among=ecn_flags,
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
    ace = ace_of(traffic)
    syn = traffic.is_event(Event.SYN)
    asking = syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST))
    arrivals = _arrivals(traffic, asking)
    (at,) = (traffic.is_event(Event.SYNACK) & some(traffic, asking)[traffic.handshake]).nonzero()
    told = _MARK_OF_ACE[ace[at]]
    mangled = (told != ABSENT) & (arrivals[traffic.handshake[at]] >> np.maximum(told, 0) & 1 == 0)
    wrong = np.zeros(len(ace), bool)
    wrong[at] = mangled | (ace[at] == ACCECN_REQUEST) | (ace[at] == NONCE)
    answer = answered(traffic, some(traffic, asking), wrong, "")
    first = traffic.first(asking)
    mark = np.where(first == ABSENT, 0, traffic.column("ecn")[first])
    expected = texts(answer.fails, _ACE_OF_MARK, mark)
    return Answer(answer.fails, answer.applies, None, answer.frames, expected, answer.actual)


@rule(
    "EC05",
    "accecn-ack-wrong",
    "warning",
    reference="RFC 9768, section 3.2.2.1 (tables 3 and 4)",
    needs="the SYN-ACK and the options of the ACK that completes",
    message="ACK has (AE,CWR,ECE) = {actual}, expected {expected}",
    among=ecn_flags,
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
    the SYN/ACK by writing it into the ACE field of a pure ACK with no SACK blocks": 010, 011, 100 or 110. Zero says
    that the client does not use AccECN after all, or that the field was cleared on the way.

    Why it matters: With zero, the server "MUST NOT set ECT on outgoing packets"; with a mark that the SYN-ACK did not
    have, it takes the path for one that mangles marks. Either way the connection loses ECN.

    Common causes: A middlebox that clears or restores ECN flags, or rewrites the former TOS octet; a faulty stack.

    What to look at next: The SYN-ACK's ECN field at the client, and the ACE field of the client's later segments.
    """
    ace = ace_of(traffic)
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    asked = some(traffic, syn & ~np.isin(ace, (NO_ECN, CLASSIC_REQUEST)))
    agreed = asked & all_are(traffic, synack, (_MARK_OF_ACE[ace] != ABSENT) | (ace == NONCE))
    pure = (
        traffic.is_event(Event.COMPLETING)
        & (traffic.column("payload_length") == 0)
        & (traffic.column("tcp_flags") & FIN == 0)
    )
    pure &= ~traffic.options.sack
    row, synack_row = traffic.first(pure), traffic.first(synack)
    told = np.where(row == ABSENT, NO_ECN, ace[row])
    mark = _MARK_OF_ACE[told]
    arrivals = _arrivals(traffic, synack & agreed[traffic.handshake])
    fails = (row != ABSENT) & agreed & ((mark == ABSENT) | (arrivals >> np.maximum(mark, 0) & 1 == 0))
    sent = np.where(synack_row == ABSENT, 0, traffic.column("ecn")[synack_row])
    return Answer(
        fails=fails,
        applies=agreed & (row != ABSENT),
        decidable=options_seen(traffic, pure),
        frames=(traffic.value("frame", row), traffic.value("frame", synack_row)),
        expected=texts(fails, _ACE_OF_MARK, sent),
        actual=texts(fails, ACE_TEXT, told),
    )
