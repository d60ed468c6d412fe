"""ICMP errors that answer a SYN."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.evidence import Event, Fact
from pcapcheck.rules.among import having
from pcapcheck.rules.catalogue import Answer, rule, words
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# RFC 9293, section 3.9.2.2, for version 4 and 6; for the filters RFC 1812, section 5.2.7.1, and RFC 4443, section 3.1.
_SOFT = "soft: the connection must not be aborted for it (MUST-56), though most systems give up"
_HARD = "hard: the connection should be aborted (SHLD-26)"
_FILTERED = "filtered: a firewall or router forbids it"

_MESSAGES: Final = {
    (4, 3, 0): ("network unreachable", _SOFT),
    (4, 3, 1): ("host unreachable", _SOFT),
    (4, 3, 2): ("protocol unreachable", _HARD),
    (4, 3, 3): ("port unreachable", _HARD),
    (4, 3, 4): ("fragmentation needed", "hard by RFC 9293, but RFC 1191 makes it a report of the path's MTU"),
    (4, 3, 5): ("source route failed", _SOFT),
    (4, 3, 9): ("network administratively prohibited", _FILTERED),
    (4, 3, 10): ("host administratively prohibited", _FILTERED),
    (4, 3, 13): ("communication administratively prohibited", _FILTERED),
    (4, 4, 0): ("source quench", "must be ignored (MUST-55)"),
    (4, 11, 0): ("TTL exceeded", _SOFT),
    (4, 11, 1): ("reassembly time exceeded", _SOFT),
    (6, 1, 0): ("no route", _SOFT),
    (6, 1, 1): ("administratively prohibited", _FILTERED),
    (6, 1, 3): ("address unreachable", _SOFT),
    (6, 1, 4): ("port unreachable", _HARD),
    (6, 1, 5): ("source address failed policy", _FILTERED),
    (6, 1, 6): ("route rejected", _FILTERED),
    (6, 2, 0): ("packet too big", "a report of the path's MTU"),
    (6, 3, 0): ("hop limit exceeded", _SOFT),
    (6, 3, 1): ("reassembly time exceeded", _SOFT),
}
_PARAMETER_PROBLEMS: Final = {(4, 12), (6, 4)}


def message_of(number: int) -> tuple[str, str]:
    """Name and class of an ICMP error as rows.ROW has it."""
    version, icmp_type, icmp_code = (6 if number >> 16 else 4), number >> 8 & 0xFF, number & 0xFF
    if (version, icmp_type) in _PARAMETER_PROBLEMS:
        name, kind = "parameter problem", _SOFT
    else:
        name, kind = _MESSAGES.get((version, icmp_type, icmp_code), ("", ""))
    protocol = "ICMP" if version == 4 else "ICMPv6"
    return f"{protocol} {icmp_type}/{icmp_code} {name}".rstrip(), kind


@rule(
    "IC01",
    "icmp-error-answers-syn",
    "info",
    reference="RFC 9293, section 3.9.2.2, MUST-54 to MUST-56, SHLD-25, SHLD-26; RFC 5461; RFC 5927, section 4.1",
    needs="the SYN and the ICMP error",
    message="{actual}",
    among=having(Event.UNREACHABLE, Event.OTHER_ICMP),
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < icmp 3/13 quotes 0 from 203.0.113.1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def icmp_error_answers_syn(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """An ICMP error quotes a segment of the client before the handshake was complete.

    What it means: "TCP implementations MUST act on an ICMP error message passed up from the IP layer, directing it to
    the connection that created the error". Soft errors may pass; hard ones are final; some say that the traffic is
    forbidden. An error that quotes a sequence number which is not in flight is not about this connection and should be
    ignored.

    Why it matters: It names what is wrong, and who says so, where a silent drop would not.

    Common causes: Host unreachable: the host is down. Network unreachable: no route. Port unreachable or
    administratively prohibited: a firewall that rejects. Fragmentation needed on a SYN: a tunnel with a tiny MTU. A
    number that is not in flight: a forged error, or one about an older connection.

    What to look at next: The sender of the error: a router near the client, one near the server, or the server itself.
    """
    handshakes = traffic.handshakes
    completing = traffic.first_event(Event.COMPLETING)[traffic.handshake]
    opening = (completing == ABSENT) | (np.arange(len(completing)) < completing)
    quoted = traffic.is_event(Event.UNREACHABLE, Event.OTHER_ICMP) & traffic.from_client & opening
    row = traffic.first(quoted)
    about_syn = traffic.first(quoted & traffic.is_event(Event.UNREACHABLE))
    row = np.where(about_syn == ABSENT, row, about_syn)
    with_syn = handshakes.facts & Fact.SYN != 0
    failed = ((row != ABSENT) & with_syn).nonzero()[0].tolist()
    messages = [message_of(int(traffic.rows["ack"][row[index]])) for index in failed]
    kinds = [
        kind if about_syn[index] != ABSENT else f"it quotes {traffic.rows['seq'][row[index]]}, which is not in flight"
        for index, (_, kind) in zip(failed, messages, strict=True)
    ]
    return Answer(
        fails=row != ABSENT,
        applies=with_syn | (row != ABSENT),
        decidable=with_syn,
        frames=(traffic.value("frame", row), handshakes.syn_frame),
        expected="a SYN-ACK",
        actual=words(len(row), failed, [name for name, _ in messages]),
        detail=words(len(row), failed, kinds),
    )
