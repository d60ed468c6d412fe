"""Window scaling: who offered it, and whether both sides know."""

from __future__ import annotations

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.options import LARGEST_SHIFT
from pcapcheck.decode.segment import OPTIONS_UNSEEN, RST, SYN, WINDOW_UNSEEN
from pcapcheck.evidence import Event, Fact
from pcapcheck.faults.signs import headers_cut
from pcapcheck.rules.among import answered_unasked, out_of_line
from pcapcheck.rules.catalogue import Answer, Bools, rule
from pcapcheck.rules.row_options import options_seen, segments, some, unasked
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# Where a side offered no MSS: RFC 9293, section 3.7.1 (MUST-15).
_DEFAULT_MSS = 536


@rule(
    "OP06",
    "window-scale-not-asked-for",
    "warning",
    reference="RFC 7323, section 2.2",
    needs="the options of all SYNs and of the SYN-ACK",
    message="SYN-ACK has {actual}, but no SYN had one",
    among=answered_unasked(lambda traffic: traffic.options.wscale >= 0),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
)
def window_scale_not_asked_for(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The SYN-ACK carries a window scale although the SYN did not.

    What it means: The option may be sent in a SYN-ACK "only if a Window Scale option was received in the initial <SYN>
    segment".

    Why it matters: The server believes that windows are scaled, the client that they are not. The client reads windows
    that are far too small, and the connection crawls.

    Common causes: A middlebox between here and the client that strips the option from SYNs; a load balancer or SYN
    proxy that answers with options of its own; a faulty TCP implementation.

    What to look at next: The server's windows after the handshake (rule OP09), and the SYN at the client.
    """
    return unasked(traffic, traffic.options.wscale >= 0, "no window scale option", "a window scale option")


def _may_collapse(traffic: Traffic) -> Bools:
    """All whose first window of a side, scaled, is less than a segment, and those that begin otherwise than usual."""
    handshakes, small = traffic.handshakes, out_of_line(traffic) | headers_cut(traffic)
    completing = np.where(out_of_line(traffic), ABSENT, traffic.starts[:-1] + 2)
    for row, wscale, mss in (
        (completing, handshakes.client_wscale, handshakes.client_mss),
        (_going_on(traffic), handshakes.server_wscale, handshakes.server_mss),
    ):
        small |= (row != ABSENT) & (traffic.value("window", row) << _shift(traffic, wscale) < _segment(mss))
    small &= handshakes.facts & Fact.COMPLETED != 0
    return small


def _going_on(traffic: Traffic) -> Ints:
    """The first row of the server after its SYN-ACK."""
    after = segments(traffic) & (traffic.column("tcp_flags") & (SYN | RST) == 0)
    return traffic.first(after & ~traffic.from_client & traffic.is_event(Event.SERVER_GOES_ON, Event.OTHER))


def _shift(traffic: Traffic, wscale: Ints) -> Ints:
    handshakes = traffic.handshakes
    both = (handshakes.client_wscale != ABSENT) & (handshakes.server_wscale != ABSENT)
    return np.where(both, np.clip(wscale, 0, LARGEST_SHIFT), 0)


def _segment(mss: Ints) -> Ints:
    return np.where(mss > 0, mss, _DEFAULT_MSS)


@rule(
    "OP09",
    "window-collapses",
    "warning",
    reference="RFC 7323, sections 2.2 and 2.3; RFC 9293, section 3.8.6 (SHLD-14)",
    needs="the windows and options of SYN and SYN-ACK, and the next segment of each side",
    message="window falls to {actual} octets after the handshake, it was {expected}",
    among=_may_collapse,
    fires="""
        # The server scales its window: 65280 octets are sent as 510. What tells the client so was removed.
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1 win 64240
        +0   > P. 1:101(100) ack 1 win 64240
        +.02 < .  1:1(0) ack 101 win 510
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1 win 502
        +0   > P. 1:101(100) ack 1 win 502
        +.02 < .  1:1(0) ack 101 win 510
    """,
)
def window_collapses(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A side's first window after the handshake, scaled as agreed here, is less than one segment.

    What it means: "The window field in a segment where the SYN bit is set MUST NOT be scaled", all others are. Read
    with the scale that SYN and SYN-ACK agree on at this point, this window takes back more than half of what the side
    had just offered, although "a TCP receiver SHOULD NOT shrink the window". A side that scales, while this point does
    not know of it, looks just so.

    Why it matters: The other side sends less than a segment at a time, and the connection crawls. Handshake and first
    segments look all right.

    Common causes: A middlebox that strips the window scale from SYN or SYN-ACK in one direction; a SYN proxy whose
    scale differs from the server's; SYN cookies that lost the option. Rarely, a tarpit.

    What to look at next: The window scale in SYN and SYN-ACK at a capture point on the other side of the middlebox, and
    whether sender and receiver stall in the same way on other paths.
    """
    handshakes = traffic.handshakes
    offered = (handshakes.client_wscale != ABSENT) | (handshakes.server_wscale != ABSENT)
    syn, synack = traffic.first_event(Event.SYN), traffic.first_event(Event.SYNACK)
    opening = traffic.is_event(Event.SYN, Event.SYNACK)
    unseen = some(traffic, opening) & ~options_seen(traffic, opening)
    by_client, by_server = traffic.first_event(Event.COMPLETING), _going_on(traffic)
    start = np.where(synack == ABSENT, 0, traffic.value("seq", synack) + 1)
    client = _Collapse(traffic, syn, by_client, start, handshakes.client_wscale, handshakes.client_mss)
    server = _Collapse(
        traffic, synack, by_server, traffic.value("ack", synack), handshakes.server_wscale, handshakes.server_mss
    )
    # What is agreed takes both: where the capture lacks one of them, a small window may be a scaled one.
    agreed = (syn != ABSENT) & (synack != ABSENT)
    fails = agreed & (server.fails | client.fails)
    return Answer(
        fails=fails,
        applies=(offered | unseen) & (handshakes.facts & Fact.COMPLETED != 0),
        decidable=fails | (agreed & client.seen & (server.seen | (by_server == ABSENT))),
        frames=tuple(
            traffic.value("frame", np.where(server.fails, one, other))
            for one, other in ((by_server, by_client), (synack, syn))
        ),
        expected=np.where(server.fails, server.before, client.before),
        actual=np.where(server.fails, server.window, client.window),
    )


class _Collapse:
    """Of one side, its window in the SYN, its first window after it, and whether that is a collapse."""

    def __init__(self, traffic: Traffic, syn: Ints, row: Ints, start: Ints, wscale: Ints, mss: Ints) -> None:
        handshakes = traffic.handshakes
        unseen = (traffic.value("unseen", syn) | traffic.value("unseen", row)) & (WINDOW_UNSEEN | OPTIONS_UNSEEN)
        self.seen: Bools = (syn != ABSENT) & (row != ABSENT) & (unseen == 0)
        self.before: Ints = traffic.value("window", syn)
        self.window: Ints = traffic.value("window", row) << _shift(traffic, wscale)
        edge = seq.ahead(traffic.value("ack", row), start) + self.window
        segment = _segment(mss)
        scaling = (handshakes.client_wscale != ABSENT) | (handshakes.server_wscale != ABSENT)
        # A window of zero is closed, not misread.
        self.fails: Bools = self.seen & scaling & (self.window > 0) & (self.window < segment)
        self.fails &= (self.before >= 2 * segment) & (2 * edge < self.before)
