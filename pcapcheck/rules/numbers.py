"""Sequence and acknowledgement numbers of the three segments."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.evidence import Event
from pcapcheck.rules.among import with_their_flows
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED, Answer, Bools, Shown, about_capture, rule, words
from pcapcheck.rules.wrong_number import (
    Incomplete,
    OlderIsns,
    ahead_in_window,
    incomplete_acks,
    is_shifted,
    kind_of,
)
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# So many kinds of wrong numbers are named; of distances there may be one for each connection.
_SHOWN_KINDS: Final = 8


def _wrongly_answered(traffic: Traffic) -> Bools:
    """Those with a SYN-ACK that acknowledges no known SYN, and what they are compared with."""
    unknown = traffic.has(Event.SYNACK) & (traffic.handshakes.client_isn == ABSENT)
    return with_their_flows(traffic, traffic.has(Event.WRONG_SYNACK) | unknown)


@rule(
    "HS02",
    "synack-acks-wrong-number",
    "error",
    reference="RFC 9293, section 3.10.7.3, first",
    needs="the SYN and the SYN-ACK",
    message="SYN-ACK acknowledges {actual}, expected {expected}",
    among=_wrongly_answered,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 7 win 65160
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def synack_acks_wrong_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK acknowledges a number that no SYN of the attempt calls for.

    What it means: A SYN takes one sequence number, so its SYN-ACK must acknowledge the client's initial sequence number
    plus one (or up to the end of the data that the SYN carried). This one acknowledges something else. "If SEG.ACK =<
    ISS or SEG.ACK > SND.NXT, send a reset": the client must not take it. Where it did reset it and a right SYN-ACK
    opened the connection after all, this is a warning: an old duplicate SYN that the capture does not show explains it.

    Why it matters: The client answers with an RST and goes on waiting; the connection opens late or never. Tools that
    do not check the arithmetic call this handshake complete.

    Common causes: A firewall or load balancer that rewrites initial sequence numbers in one direction only; a SYN-ACK
    for an older SYN of the same 4-tuple; a faulty or hostile TCP implementation; an injected segment.

    What to look at next: Whether the difference is the same on every segment of that direction (a rewriting middlebox),
    whether another SYN-ACK with the right number follows, and whether TTL and options are those of the server's other
    segments.
    """
    wrong = traffic.first_event(Event.WRONG_SYNACK)
    found = wrong != ABSENT
    handshakes = traffic.handshakes
    decidable = handshakes.client_isn != ABSENT
    failed = (found & decidable).nonzero()[0].tolist()
    # RFC 9293, 3.5, figure 8: where the old SYN was not captured, its SYN-ACK looks just so, and the client resets it.
    reset = traffic.count(traffic.is_event(Event.RST_ANSWER) & traffic.from_client) > 0
    recovered = (found & reset & handshakes.is_outcome("established")).nonzero()[0].tolist()
    return Answer(
        fails=found,
        applies=found | (traffic.first_event(Event.SYNACK) != ABSENT),
        decidable=decidable,
        frames=(traffic.value("frame", wrong), handshakes.syn_frame),
        expected=np.where(decidable, seq.add(handshakes.client_isn, 1), ABSENT),
        actual=traffic.value("ack", wrong),
        detail=words(len(handshakes), failed, _kinds_of_synacks(traffic, failed, wrong)),
        severities=words(len(handshakes), recovered, ["warning"] * len(recovered)),
    )


def _kinds_of_synacks(traffic: Traffic, failed: list[int], wrong: Ints) -> list[str]:
    isns = traffic.handshakes.client_isn
    older = OlderIsns(traffic, isns)
    kinds = []
    for index in failed:
        row, isn = int(wrong[index]), int(isns[index])
        actual, expected = int(traffic.rows["ack"][row]), seq.add(isn, 1)
        shifted = is_shifted(traffic, row, actual, expected)
        kinds.append(kind_of(actual, expected, isn, older.of(index), shifted=shifted))
    return kinds


def _not_completed(traffic: Traffic) -> Bools:
    """Those completed by a segment that should stand elsewhere or by none, or by what cannot be compared."""
    unknown = traffic.has(Event.COMPLETING, Event.CLIENT_GOES_ON) & ~traffic.has(Event.SYNACK, Event.WRONG_SYNACK)
    ahead = traffic.handshakes.ack_seq != traffic.handshakes.synack_ack
    return with_their_flows(traffic, traffic.has(Event.WRONG_ACK) | ahead | unknown)


@rule(
    "HS03",
    "ack-acks-wrong-number",
    "error",
    reference="RFC 9293, section 3.10.7.4, fifth",
    needs="the SYN-ACK and the client's answer to it",
    message="ACK acknowledges {actual}, expected {expected}",
    among=_not_completed,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 10
        +.02 < R  10:10(0)
    """,
    silent="""
        # The server may have sent data by then: its end may be acknowledged too.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   < P. 1:101(100) ack 1
        +0   > .  1:1(0) ack 101
    """,
)
def ack_acks_wrong_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The segment that should complete the handshake acknowledges a number that the server never sent.

    What it means: A server in SYN-RECEIVED takes an acknowledgement of its initial sequence number plus one, up to the
    end of what it has sent: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED state". For any other number it
    must "form a reset segment <SEQ=SEG.ACK><CTL=RST>".

    Why it matters: The server does not open the connection by this segment. The client believes that it is open, and
    learns otherwise by an RST or by silence.

    Common causes: A middlebox that rewrites the server's sequence numbers in one direction only; an acknowledgement
    that belongs to an older connection of the same 4-tuple; a faulty or hostile TCP implementation; SYN cookies that
    two servers behind one address do not share.

    What to look at next: Whether the server answers with an RST whose sequence number is the wrong one, whether a right
    acknowledgement follows, and whether the same difference shows in other connections through this path.
    """
    wrong = _first_of(traffic, "ack")
    older = OlderIsns(traffic, traffic.handshakes.server_isn)
    kinds = [
        kind_of(
            one.actual,
            one.nearest,
            _isn(traffic, one.synack),
            older.of(one.handshake),
            shifted=is_shifted(traffic, one.row, one.actual, one.nearest),
        )
        for one in wrong
    ]
    return _about_completion(traffic, wrong, kinds)


@rule(
    "HS04",
    "ack-has-wrong-sequence-number",
    "error",
    reference="RFC 9293, section 3.10.7.4, first (table 6); RFC 7323, section 5.3",
    needs="the SYN-ACK with its window, and the client's answer to it",
    message="ACK has sequence number {actual}, expected {expected}",
    among=_not_completed,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 1000
        +0   > .  5000:5000(0) ack 1
        +.02 < .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
)
def ack_has_wrong_sequence_number(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The segment that should complete the handshake does not stand where the SYN-ACK asks for it.

    What it means: The client's first segment after the SYN-ACK has the sequence number that the SYN-ACK acknowledged.
    This one has another. Inside the window that the SYN-ACK offered ("RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND") a server
    takes it all the same and the connection opens: that is a note. Outside the window, or with a timestamp older than
    the SYN's, the segment is not acceptable and completes nothing: that is an error.

    Why it matters: After an unacceptable segment the server still waits, repeats its SYN-ACK and gives up in the end,
    while the client believes that it is connected.

    Common causes: Inside the window: the segment before it was lost, or is missing from the capture. Outside: a
    middlebox that rewrites sequence numbers, a segment of an older connection, a faulty TCP implementation; for
    timestamps, a translated address behind which hosts with different clocks take turns.

    What to look at next: The server's answer (a bare ACK that repeats the number it expects), the client's next
    segment, and whether another capture point shows the same number.
    """
    wrong = {one.handshake: one for one in _first_of(traffic, "tsval", "seq")}
    kinds = {
        index: "its timestamp is older than the SYN's (PAWS)"
        if one.part == "tsval"
        else kind_of(
            one.actual,
            one.nearest,
            seq.add(one.nearest, -1),
            shifted=is_shifted(traffic, one.row, one.actual, one.nearest, "seq"),
        )
        for index, one in wrong.items()
    }
    ahead = [one for one in ahead_in_window(traffic) if one.handshake not in wrong]
    kinds |= {one.handshake: "inside the window, so the server takes it" for one in ahead}
    found = sorted([*wrong.values(), *ahead])
    severities = words(len(traffic.handshakes), [one.handshake for one in ahead], ["note"] * len(ahead))
    return _about_completion(traffic, found, [kinds[one.handshake] for one in found], severities)


def _first_of(traffic: Traffic, *parts: str) -> list[Incomplete]:
    """The first segment of each handshake that is wrong in the first of these parts, else in the next."""
    found: dict[int, Incomplete] = {}
    for part in parts:
        for one in incomplete_acks(traffic):
            if one.part == part:
                found.setdefault(one.handshake, one)
    return list(found.values())


def _isn(traffic: Traffic, synack: int) -> int:
    return int(traffic.rows["seq"][synack])


def _about_completion(traffic: Traffic, wrong: list[Incomplete], kinds: list[str], severities: Shown = "") -> Answer:
    """The answer of a rule about the segments that should complete a handshake."""
    size, at = len(traffic.handshakes), [one.handshake for one in wrong]
    fails, decidable = np.zeros(size, bool), _seen(traffic, Event.SYNACK, Event.WRONG_SYNACK)
    row, synack = np.full(size, ABSENT, np.int64), np.full(size, ABSENT, np.int64)
    fails[at] = True
    decidable[at] = [one.decidable for one in wrong]
    row[at], synack[at] = [one.row for one in wrong], [one.synack for one in wrong]
    return Answer(
        fails=fails,
        applies=_seen(traffic, Event.COMPLETING, Event.WRONG_ACK, Event.CLIENT_GOES_ON),
        decidable=decidable,
        frames=(traffic.value("frame", row), traffic.value("frame", synack)),
        expected=words(size, at, [one.expected for one in wrong]),
        actual=words(size, at, [f"TSval {one.actual}" if one.part == "tsval" else str(one.actual) for one in wrong]),
        detail=words(size, at, kinds),
        severities=severities,
    )


def _seen(traffic: Traffic, *events: Event) -> Bools:
    return np.not_equal(traffic.first(traffic.is_event(*events)), ABSENT)


@rule(
    "HS05",
    "wrong-numbers-have-a-pattern",
    "info",
    reference="RFC 9293, section 3.4",
    needs="two wrong numbers that HS02, HS03 or HS04 found",
    message="kinds of wrong numbers: {actual}",
    fires="""
        # Two connections through a box that forgets to count the SYN.
        flow a
        client 192.0.2.1:49152
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 0 win 65160
        flow b
        client 192.0.2.1:49153
        +1   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 0 win 65160
    """,
    silent="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
    """,
    per_capture=True,
)
def wrong_numbers_have_a_pattern(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The capture has several wrong numbers: which kinds of wrong they are.

    What it means: Each finding of HS02, HS03 and HS04 names the kind of its wrong number: off by one, the number of an
    older SYN of the same 4-tuple, zero, a relative number (counted from zero instead of from the initial sequence
    number), byte-swapped, some octets too high or too low, or unrelated; and whether all segments of the direction are
    off by the same. This one counts the kinds over the capture, the most frequent first.

    Why it matters: One kind all over points to one place that computes numbers wrongly; many kinds point to noise,
    scans or injected segments.

    Common causes: Off by one, relative and byte-swapped numbers: hand-written TCP, in test tools and firmware. The same
    difference everywhere: a middlebox that rewrites initial sequence numbers. Numbers of an older SYN: port reuse.

    What to look at next: The findings of HS02, HS03 and HS04 themselves, grouped by server and by path.
    """
    kinds: Counter[str] = Counter()
    frames: dict[str, int] = {}
    for id in ("HS02", "HS03", "HS04"):
        checked = ask(REGISTERED[id], traffic, capture)
        for index in checked.failed.tolist():
            if checked.severity(index) == "error":
                kind = str(checked.answer.detail[index])
                kinds[kind] += 1
                frames.setdefault(kind, int(checked.answer.frames[0][index]))
    shown = kinds.most_common(_SHOWN_KINDS)
    rest = [f"{len(kinds) - len(shown)} more kinds"] if len(kinds) > len(shown) else []
    return about_capture(
        kinds.total() > 1,
        applies=bool(kinds),
        frames=[frames[kind] for kind, _ in shown],
        actual=", ".join([f"{count} x {kind}" for kind, count in shown] + rest),
    )
