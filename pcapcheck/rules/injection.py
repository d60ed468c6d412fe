"""Two who speak with one address: segments that one host would not send after each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.segment import RST, SYN
from pcapcheck.evidence import Event, Fact
from pcapcheck.faults.signs import untimed
from pcapcheck.rules.among import synack_repeated
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.positions import after, before, numbers
from pcapcheck.rules.row_options import segments, some
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

# No path lets one segment overtake another by so much.
OVERTAKEN_NS: Final = 100 * 10**6

# What ends a connection or an attempt, if its receiver takes it.
_RESETS: Final = (Event.RESET, Event.ABORT, Event.REFUSAL)


@rule(
    "HS09",
    "second-host-answers",
    "warning",
    reference="RFC 9293, sections 3.4.1 and 3.10.7.2",
    needs="both SYN-ACKs with their options",
    message="another SYN-ACK has {actual}, the first had {expected}",
    among=lambda traffic: synack_repeated(traffic) | traffic.has(Event.WRONG_SYNACK),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 0 <mss 1460> ttl 63
        +0   > .  1:1(0) ack 1
        +1   < S. 700:700(0) ack 1 win 65160 <mss 1460> ttl 60
    """,
    silent="""
        # Another ISN, but the same host: a SYN cookie whose counter has moved on.
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +64  > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 700:700(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 701
    """,
)
def second_host_answers(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """One SYN was answered by two SYN-ACKs that differ in their ISN and in what tells hosts apart.

    What it means: A server repeats its SYN-ACK with the same initial sequence number. This one has another number (see
    HS07), and also another TTL, maximum segment size or window scale. Two machines answer for one address.

    Why it matters: The client goes on with the first that it takes; the other one has no use for its numbers. Where
    only one of them should speak, somebody injects answers.

    Common causes: A SYN proxy that answers for the server, whose own SYN-ACK passes too; two hosts with one address;
    a load balancer that sends each copy of a SYN to another server; an injected answer (spoofing, censorship).

    What to look at next: Which of the two came sooner than the server's distance allows, which of them acknowledges
    data later, and their MAC addresses.
    """
    synack = segments(traffic) & traffic.is_event(Event.SYNACK, Event.WRONG_SYNACK)
    first = traffic.first(synack)
    other = synack & (numbers(traffic, "seq") != traffic.value("seq", first)[traffic.handshake])
    options = traffic.options
    signs: dict[str, npt.NDArray[Any]] = {
        "TTL": numbers(traffic, "ttl"),
        "MSS": options.mss,
        "window scale": options.wscale,
    }
    # What only one of them offers has harmless causes: a SYN cookie has no room for it, or the SYN had changed.
    differs = np.zeros(len(synack), bool)
    for values in signs.values():
        of_first = np.append(values, ABSENT)[first][traffic.handshake]
        differs |= (values != of_first) & (values != ABSENT) & (of_first != ABSENT)
    row = traffic.first(other & differs)
    failed = (row != ABSENT).nonzero()[0].tolist()
    return Answer(
        fails=row != ABSENT,
        applies=some(traffic, other),
        frames=(traffic.value("frame", row), traffic.value("frame", first)),
        expected=words(len(row), failed, [_signs(signs, int(first[index])) for index in failed]),
        actual=words(len(row), failed, [_signs(signs, int(row[index])) for index in failed]),
    )


def _signs(signs: Mapping[str, npt.NDArray[Any]], row: int) -> str:
    return ", ".join(f"{name} {values[row]}" for name, values in signs.items() if values[row] != ABSENT)


def _may_go_on(traffic: Traffic) -> Bools:
    """Those with an RST that is not their last row."""
    (at,) = traffic.is_event(*_RESETS).nonzero()
    of = traffic.handshake[at]
    found = np.zeros(len(traffic.handshakes), bool)
    found[of[(at + 1 < traffic.starts[of + 1]) | untimed(traffic)[of]]] = True
    return found


@rule(
    "RS08",
    "reset-sender-goes-on",
    "warning",
    reference="RFC 9293, sections 3.5.2, 3.5.3 and 3.10.5",
    needs="times, and what the sender of the RST sent after it",
    message="{actual} after its RST, expected {expected}",
    among=_may_go_on,
    fires="""
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < R  1:1(0)
        +.2  < P. 1:101(100) ack 1
    """,
    silent="""
        # The peer's segments were on their way, and a segment of its own was overtaken.
        +0   > S  0:0(0) win 64240
        +.02 < S. 0:0(0) ack 1 win 65160
        +0   > .  1:1(0) ack 1
        +.1  < R  101:101(0)
        +.01 < P. 1:101(100) ack 1
        +.2  > P. 1:101(100) ack 1
    """,
)
def reset_sender_goes_on(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The sender of an RST goes on as if it had sent none.

    What it means: Who resets a connection deletes it: "delete the TCB, enter CLOSED state". It has nothing more to
    send, except further RSTs. Here ordinary segments with the same address follow the RST, too late to have been
    overtaken by it; or a SYN-ACK follows an RST that had refused the same SYN.

    Why it matters: The RST did not come from that host. Somebody on the path, or off it, ends connections in its name.

    Common causes: A firewall or intrusion prevention system that resets what it does not like; censorship; a reset
    attack; a load balancer with a shorter idle timeout than its servers; a conntrack table that lost the connection.

    What to look at next: TTL, IP id, window and timestamps of the RST against the host's other segments, whether its
    number was right (RS04), and a capture on the host itself.
    """
    handshakes = traffic.handshakes
    last = np.maximum(traffic.column("time"), traffic.column("folded_until"))
    normal = segments(traffic) & (traffic.column("tcp_flags") & (RST | SYN) == 0)
    rst, row = np.full((2, len(handshakes)), ABSENT, np.int64)
    for from_client in (True, False):
        own = traffic.from_client == from_client
        reset = traffic.first(own & traffic.is_event(Event.RESET, Event.ABORT))
        late = last > traffic.value("time", reset)[traffic.handshake] + OVERTAKEN_NS
        found = traffic.first(own & normal & after(traffic, reset) & late)
        rst, row = _filled(rst, row, reset, found)
    refusal = traffic.first_event(Event.REFUSAL)
    synack = traffic.first(traffic.is_event(Event.SYNACK) & after(traffic, refusal))
    # Where the SYN was repeated in between, the port may have been opened.
    asked_again = some(traffic, traffic.is_event(Event.SYN) & after(traffic, refusal) & before(traffic, synack))
    rst, row = _filled(rst, row, refusal, np.where(asked_again, ABSENT, synack))
    known = ~handshakes.is_outcome("midstream", "stray") & (handshakes.facts & Fact.SELF_CONNECT == 0)
    named = np.where(traffic.value("tcp_flags", row) & SYN != 0, "SYN-ACK", "ordinary segments")
    return Answer(
        fails=row != ABSENT,
        applies=known & some(traffic, traffic.is_event(*_RESETS)),
        decidable=~untimed(traffic),
        frames=(traffic.value("frame", row), traffic.value("frame", rst)),
        expected="silence",
        actual=named.astype(object),
    )


def _filled(rst: Ints, row: Ints, found_rst: Ints, found_row: Ints) -> tuple[Ints, Ints]:
    """The pairs so far, with what was found where there was none yet."""
    fill: Bools = (row == ABSENT) & (found_row != ABSENT)
    return np.where(fill, found_rst, rst), np.where(fill, found_row, row)
