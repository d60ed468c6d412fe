"""TCP Fast Open (RFC 7413): cookies, and data in the SYN."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.option_columns import FAST_OPEN_LENGTH
from pcapcheck.decode.segment import SYN
from pcapcheck.evidence import Event
from pcapcheck.rules.among import options_cut
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import options_seen, segments, some, texts, unasked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic, by_rows

# RFC 7413, section 4.1.1: "Cookie: 0, or 4 to 16 bytes", an even number.
COOKIE_LENGTHS: Final = (0, *range(4, 17, 2))

_STATES: Final = (
    "not answered",
    "the data was taken",
    "a part of the data was taken",
    "a cookie was asked for and given",
    "a new cookie was given, no data taken",
    "only a SYN without it was answered",
    "the data was not taken",
    "a cookie was asked for, none was given",
    "a cookie without data",
)


@by_rows(False)
def _with_fast_open(traffic: Traffic) -> Bools:
    """Those with the option, or with options that were not captured."""
    has = (traffic.options.fast_open != ABSENT) | (traffic.options.faults & FAST_OPEN_LENGTH != 0)
    return some(traffic, has) | options_cut(traffic)


@rule(
    "TF01",
    "fast-open-length-wrong",
    "warning",
    reference="RFC 7413, section 4.1.1, with errata 4238 and 4239",
    needs="the options of every segment",
    message="Fast Open option of {actual}",
    among=lambda traffic: _with_fast_open(traffic) | traffic.has(Event.UNREACHABLE, Event.OTHER_ICMP),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,FO 001122>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # No cookie asks for one.
        +0   > S  0:0(0) win 64240 <mss 1460,FO>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,FO 00112233>
        +0   > .  1:1(0) ack 1
    """,
)
def fast_open_length_wrong(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A Fast Open option has a length that no cookie can have.

    What it means: The option's length is 2 (no cookie: it asks for one), or 6 to 18, and "the number MUST be even".
    "Options with invalid Length values ... MUST be ignored." The experimental form (kind 254, before Fast Open had a
    kind of its own) has two octets more.

    Why it matters: The other side ignores the option. The connection opens as any other does, one round trip later.

    Common causes: A faulty TCP implementation; a middlebox that cuts options; a packet generator.

    What to look at next: The option's octets, and who wrote them: client or server.
    """
    options, sent = traffic.options, segments(traffic)
    misfit = ~np.isin(options.fast_open, (ABSENT, *COOKIE_LENGTHS))
    row = traffic.first(sent & (misfit | (options.faults & FAST_OPEN_LENGTH != 0)))
    (found,) = (row != ABSENT).nonzero()
    lengths = options.fast_open[row[found]].tolist()
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, sent & ((options.fast_open != ABSENT) | (options.faults & FAST_OPEN_LENGTH != 0)))
        | ~options_seen(traffic, sent),
        decidable=(row != ABSENT) | options_seen(traffic, sent),
        frames=(traffic.value("frame", row),),
        expected="no cookie, or an even number of 4 to 16 octets",
        actual=words(
            len(row),
            found.tolist(),
            ["a wrong length" if length == ABSENT else f"{length} octets of cookie" for length in lengths],
        ),
    )


@rule(
    "TF02",
    "fast-open-misplaced",
    "warning",
    reference="RFC 7413, sections 4.1.1 and 4.2.1",
    needs="the options of all SYNs and of the segments after them",
    message="{actual}",
    among=_with_fast_open,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,FO 0011223344556677>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,FO>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,FO 0011223344556677>
        +0   > .  1:1(0) ack 1
    """,
)
def fast_open_misplaced(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A Fast Open option stands in a segment without SYN, or in the answer to a SYN that did not ask for it.

    What it means: "Options ... without the SYN flag set MUST be ignored." And a server sends a cookie in answer to "a
    SYN packet with a Fast Open option": the client that sent none may not know what it is.

    Why it matters: The receiver ignores the option, or drops a segment with an option that it does not know.

    Common causes: A middlebox that strips the option from SYNs but not from SYN-ACKs; Linux before 4.0, whose servers
    sent a cookie to any SYN with data; a faulty TCP implementation.

    What to look at next: The SYN at the client.
    """
    has = traffic.options.fast_open != ABSENT
    others = segments(traffic) & (traffic.column("tcp_flags") & SYN == 0)
    misplaced = traffic.first(others & has)
    answer = unasked(traffic, has, "", "")
    assert answer.applies is not None and answer.decidable is not None
    in_synack = answer.fails & answer.decidable
    synack = traffic.first(traffic.is_event(Event.SYNACK) & has)
    row = np.where(in_synack, synack, misplaced)
    return Answer(
        fails=row != ABSENT,
        applies=answer.applies | some(traffic, others & has),
        decidable=(row != ABSENT) | answer.decidable,
        frames=(traffic.value("frame", row),),
        expected=texts(row != ABSENT, ("Fast Open on SYNs only", "none, as no SYN had it"), in_synack.astype(int)),
        actual=texts(
            row != ABSENT,
            ("Fast Open option in a segment without SYN", "SYN-ACK has a Fast Open option, but no SYN had one"),
            in_synack.astype(int),
        ),
    )


@rule(
    "TF03",
    "fast-open",
    "info",
    reference="RFC 7413, section 4.2",
    needs="the options of the SYNs, and the SYN-ACK",
    message="Fast Open: {actual}",
    among=_with_fast_open,
    fires="""
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +.02 < S. 0:0(0) ack 101 win 65160 <mss 1460>
        +0   > .  101:101(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def fast_open(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The client tried Fast Open: what became of it.

    What it means: A client asks for a cookie in one connection, and in later ones sends it with data in the SYN. The
    server may take the data, a part of it, or none: "If the FastOpened flag is set, the packet acknowledges the SYN and
    data sequence. Otherwise, it acknowledges only the SYN sequence."

    Why it matters: Where data is taken, the request is answered a round trip earlier. Where it is not, the client sends
    it once more, and nothing is lost.

    Common causes: Not taken: the cookie has expired, the server was restarted or is one of several that do not share
    keys, its limit of pending requests is reached, or the option was stripped. Not answered: rule TF04.

    What to look at next: The server's counters TcpExtTCPFastOpenPassive, TcpExtTCPFastOpenPassiveFail and
    TcpExtTCPFastOpenListenOverflow; on the client, TcpExtTCPFastOpenActive and TcpExtTCPFastOpenActiveFail.
    """
    options, handshakes = traffic.options, traffic.handshakes
    asks = traffic.is_event(Event.SYN) & (options.fast_open != ABSENT)
    plain = traffic.is_event(Event.SYN) & (options.fast_open == ABSENT)
    row, synack = traffic.first(asks), traffic.first_event(Event.SYNACK)
    data = traffic.value("payload_length", row)
    taken = seq.ahead(handshakes.synack_ack, handshakes.client_isn) - 1
    granted = some(traffic, traffic.is_event(Event.SYNACK) & (options.fast_open > 0))
    retried = traffic.first(plain)
    by_retry = (retried != ABSENT) & (row != ABSENT) & (retried > row) & ((synack == ABSENT) | (retried < synack))
    asked = (row != ABSENT) & (options.fast_open[row] == 0)
    # The first that fits.
    conditions = (
        synack == ABSENT,
        (data > 0) & (taken >= data),
        (data > 0) & (taken > 0),
        granted & asked,
        granted,
        by_retry,
        (data > 0) & (taken <= 0),
        asked,
    )
    state = np.select(conditions, range(len(conditions)), len(conditions))
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, asks) | (some(traffic, plain) & ~options_seen(traffic, plain)),
        decidable=(row != ABSENT) & ~handshakes.is_outcome("one-sided", "partial"),
        frames=(traffic.value("frame", row), traffic.value("frame", synack)),
        actual=texts(row != ABSENT, _STATES, state),
    )


@rule(
    "TF04",
    "fast-open-blackhole-suspected",
    "note",
    reference="RFC 7413, sections 4.1.3.1, 4.2.2 and 7.1",
    needs="the options of two SYNs of the attempt",
    message="SYN with Fast Open stayed unanswered, repeated without it",
    among=_with_fast_open,
    across=True,
    fires="""
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +1   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > P. 1:101(100) ack 1
    """,
    silent="""
        +0   > S  0:100(100) win 64240 <mss 1460,FO 0011223344556677>
        +.02 < S. 0:0(0) ack 101 win 65160 <mss 1460>
        +0   > .  101:101(0) ack 1
    """,
)
def fast_open_blackhole_suspected(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN with Fast Open got no answer, and the client repeated it without.

    What it means: "When the SYN timer fires, the client SHOULD retransmit a SYN packet without data and Fast Open
    options", because some paths drop such SYNs. A single one may simply have been lost; the message counts how many
    attempts between these two hosts fared so.

    Why it matters: Each such attempt costs a retransmission timeout, usually a second. Clients remember and stop trying
    for a while.

    Common causes: A firewall that drops SYNs with data or with options that it does not know; ordinary loss.

    What to look at next: Whether the SYN arrives at the server, and whether plain SYNs on the same path are answered at
    once.
    """
    has = traffic.options.fast_open != ABSENT
    syn = traffic.is_event(Event.SYN)
    first, synack = traffic.first(syn & has), traffic.first_event(Event.SYNACK)
    behind = np.arange(len(traffic.rows)) > first[traffic.handshake]
    plain = traffic.first(syn & ~has & behind & (first != ABSENT)[traffic.handshake])
    fails = (plain != ABSENT) & ((synack == ABSENT) | (plain < synack))
    (found,) = fails.nonzero()
    # Attempts with Fast Open between the same two hosts.
    pairs = traffic.clients << 32 | traffic.servers
    tried = Counter(pairs[(first != ABSENT) & np.isin(pairs, pairs[found])].tolist())
    failed = Counter(pairs[found].tolist())
    return Answer(
        fails=fails,
        applies=first != ABSENT,
        decidable=fails | options_seen(traffic, syn),
        frames=(traffic.value("frame", first), traffic.value("frame", plain)),
        expected="an answer",
        actual="none",
        detail=words(
            len(first),
            found.tolist(),
            [f"{failed[pair]} of {tried[pair]} attempts with it between these hosts" for pair in pairs[found].tolist()],
        ),
    )
