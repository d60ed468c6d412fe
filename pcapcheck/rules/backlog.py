"""Sockets with many half-open connections at once."""

from __future__ import annotations

from typing import Final

import numpy as np

from pcapcheck.evidence import SECOND, Fact
from pcapcheck.rules.catalogue import Answer, rule, words
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

# So many half-open attempts towards one socket within so long. A small server's backlog is no larger.
MANY: Final = 20
WITHIN_NS: Final = 10 * SECOND


def _half_open(number: int, completed: bool) -> str:
    """One of many attempts; the capture goes on long enough to decide it."""
    ack = "\n+0 > . 1:1(0) ack 1" if completed else ""
    return (
        f"flow f{number} client 192.0.2.{number + 1}:49152\n{number / 10} > S 0:0(0) win 64240\n"
        f"+.02 < S. 0:0(0) ack 1 win 65160{ack}"
    )


_END: Final = "\nflow end\n+60 arp"


@rule(
    "CK01",
    "many-half-open",
    "warning",
    reference="RFC 4987, section 2",
    needs="SYN-ACKs and what follows them",
    message="{actual} half-open connections within 10 s, expected fewer than {expected}",
    fires="\n".join(_half_open(number, False) for number in range(MANY + 1)) + _END,
    silent="\n".join(_half_open(number, number > 1) for number in range(MANY + 1)) + _END,
    per_capture=True,
)
def many_half_open(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A server socket answered many SYNs within seconds that nobody completed.

    What it means: Each such attempt takes an entry of the server's backlog until the server gives up, a minute or
    more. RFC 4987 describes how this is used to keep others out: SYN flooding.

    Why it matters: When the backlog is full, further SYNs are dropped: the server looks unreachable to everybody.

    Common causes: A SYN flood with forged addresses; a half-open port scan from many addresses; a firewall that drops
    the ACKs of clients; asymmetric routing past the capture point.

    What to look at next: How many different clients there are, whether their SYNs are alike, and at the server
    `nstat -az TcpExtTCPReqQFullDoCookies TcpExtListenDrops` and `ss -ltn state syn-recv`.
    """
    handshakes = traffic.handshakes
    waiting = handshakes.is_outcome("half-open", "pending") & (handshakes.facts & Fact.SYNACK != 0)
    (at,) = waiting.nonzero()
    socket = traffic.servers[at] << 16 | handshakes.server_port[at]
    order = np.lexsort((handshakes.start_time[at], socket))
    at, socket, time = at[order], socket[order], handshakes.start_time[at[order]]
    # How many of the same socket lie within the time from each on: one search, since times of a socket ascend.
    _, start, count = np.unique(socket, return_index=True, return_counts=True)
    busiest = []
    for first, size in zip(start[count >= MANY].tolist(), count[count >= MANY].tolist(), strict=True):
        times = time[first : first + size]
        within = np.searchsorted(times, times + WITHIN_NS, side="right") - np.arange(size)
        if within.max() >= MANY:
            busiest.append((int(at[first + int(within.argmax())]), int(within.max())))
    size = max(1, len(busiest))
    begins = np.array([index for index, _ in busiest] or [ABSENT], np.int64)
    return Answer(
        fails=np.arange(size) < len(busiest),
        applies=np.full(size, bool((handshakes.facts & Fact.SYNACK).any())),
        frames=(np.where(begins == ABSENT, ABSENT, np.append(handshakes.synack_frame, ABSENT)[begins]),),
        expected=str(MANY),
        actual=words(size, range(len(busiest)), [str(number) for _, number in busiest]),
    )
