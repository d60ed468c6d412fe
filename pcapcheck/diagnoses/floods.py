"""Many attempts that come to nothing: the backscatter of SYN floods, and clients that try for ever."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from pcapcheck.decode.segment import ACK, RST, SYN
from pcapcheck.diagnoses.catalogue import COMPATIBLE, PROVED, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import MILLISECOND, Details, segments, values_of
from pcapcheck.diagnoses.groups import address, distinct, how_many, numbered, seconds, spread
from pcapcheck.diagnoses.syn_floods import flooded
from pcapcheck.evidence import Fact
from pcapcheck.sorting import occur_in
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT, OUTCOMES
from pcapcheck.traffic import Ints, Traffic

# So many targets of answers that nobody asked for.
_BACKSCATTER: Final = 5
_MUCH_BACKSCATTER: Final = 20

# So many failures are a loop where they come at regular intervals, or a storm where they come anyhow.
_LOOP: Final = 5
_STORM: Final = 20


def _answers(flags: str, hosts: range) -> str:
    return "\n".join(
        f"flow {host}\nclient 192.0.2.{host}:{1000 + host}\n+{host / 100} < {flags}\n+.01 > R 1:1(0) win 0"
        for host in hosts
    )


@diagnosis(
    "D13",
    "backscatter",
    application="nothing",
    rivals=("one-sided-capture", "capture-began-late"),
    decide_by="capture on every way out of the network: whether these hosts sent the SYNs",
    fires=f"# One server answers hosts that asked it nothing.\n{_answers('S. 0:0(0) ack 1 win 65160', range(1, 7))}",
    silent=f"# Too few to be a pattern.\n{_answers('S. 0:0(0) ack 1 win 65160', range(1, 5))}",
    reported_once=True,
)
def backscatter(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """One address answers SYNs that nobody here sent: somebody floods it and forges these addresses.

    What it means: SYN-ACKs, or RSTs that acknowledge a SYN, came from one sender to at least 5 addresses or ports that
    had not asked, while no flow between them shows that the capture misses a direction. With 20, and hosts that reset
    the SYN-ACK (RFC 9293, section 3.5.1, figure 11), it is strong.

    What else it could be: A capture that does not see the way of the SYNs; the tail of connections from before the
    capture began; forged SYN-ACKs as a scan.

    How to decide: If these hosts did send SYNs, another capture point shows them. If not, the sender of the answers is
    under attack, and these hosts need do nothing.

    What the application saw: Nothing.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    stray = handshakes.is_outcome("stray")
    traffic = traffic.only(stray)
    if not len(traffic.rows):
        return Conclusion.nothing(size, group=True)
    flags = traffic.column("tcp_flags") & (SYN | ACK | RST)
    answers = (flags == SYN | ACK) | ((flags == RST | ACK) & (traffic.column("seq") == 0))
    answers &= segments(traffic)
    answer = traffic.first(answers)
    (at,) = (stray & (answer != ABSENT)).nonzero()
    # The sender speaks first, and says nothing else.
    first = np.searchsorted(traffic.handshake, at)
    of_sender = traffic.from_client == np.append(traffic.from_client, False)[answer][traffic.handshake]
    alone = traffic.count(~answers & of_sender)[at] == 0
    at, first = at[alone & (first == answer[at])], first[alone & (first == answer[at])]
    by_client = traffic.from_client[first]
    sender = np.where(by_client, traffic.clients[at], traffic.servers[at])
    other = np.where(by_client, traffic.servers[at], traffic.clients[at])
    port = np.where(by_client, handshakes.server_port[at], handshakes.client_port[at])
    missing = values_of(traffic.servers[handshakes.is_outcome("one-sided")])
    sender_number = numbered(sender)
    count = int(sender_number.max(initial=-1)) + 1
    targets = distinct(sender_number, numbered(other << 16 | port), count)
    member = (targets >= _BACKSCATTER)[sender_number] & ~occur_in(sender, missing)
    at, sender_number, by_client = at[member], sender_number[member], by_client[member]
    group = spread(size, at, sender_number)
    replied = np.bincount(sender_number, handshakes.has(Fact.ABORTED)[at], count).astype(np.int64)
    certainty = np.zeros(size, np.int64)
    certainty[at] = np.where((targets >= _MUCH_BACKSCATTER) & (replied > 0), STRONG, COMPATIBLE)[sender_number]
    hosts = distinct(sender_number, other[member], count)

    def text(index: int) -> str:
        event, row = int(group[index]), int(answer[index])
        names = handshakes.client_address if traffic.from_client[row] else handshakes.server_address
        return (
            f"backscatter of {address(names[index])}: answers to {how_many(int(targets[event]), 'port')} of"
            f" {how_many(int(hosts[event]), 'host')} that sent no SYN, {replied[event]} reset"
        )

    return Conclusion(
        certainty,
        evidence=(np.where(group == ABSENT, ABSENT, traffic.value("frame", answer)),),
        detail=Details(size, text),
        group=group,
    )


class _Loops(NamedTuple):
    """Failed attempts in order, with the client and the socket that they belong to."""

    at: Ints
    pair: Ints
    counts: Ints  # of each pair, as the rest
    interval: Ints  # the median time from one to the next
    regular: Bools


def _loops(traffic: Traffic, capture: CaptureFacts) -> _Loops:
    handshakes = traffic.handshakes
    in_vain = handshakes.is_outcome("refused", "unreachable", "unanswered") & ~flooded(traffic, capture)
    (at,) = in_vain.nonzero()
    pair = numbered(traffic.clients[at] << 32 | traffic.sockets[at])
    order = np.lexsort((handshakes.start_time[at], pair))
    at, pair = at[order], pair[order]
    counts = np.bincount(pair)
    same = pair[1:] == pair[:-1]
    gap, of = np.diff(handshakes.start_time[at])[same], pair[1:][same]
    middle = (np.cumsum(counts - 1) - (counts - 1)) + (counts - 1) // 2
    ordered = gap[np.lexsort((gap, of))]
    interval = np.where(counts > 1, ordered[np.minimum(middle, len(ordered) - 1)] if len(ordered) else 0, 0)
    near = np.abs(gap - interval[of]) <= interval[of] // 4 + 10 * MILLISECOND
    regular = np.bincount(of, near, len(counts)) * 10 >= (counts - 1) * 8
    return _Loops(at, pair, counts, interval.astype(np.int64), regular)


@diagnosis(
    "D32",
    "retry-loop",
    application="ECONNREFUSED or ETIMEDOUT, again and again",
    rivals=("port-closed", "filtered-or-down", "syn-scan"),
    decide_by="the client's log and its retry settings; `ss -lnt` at the server",
    fires="\n".join(
        f"flow {number}\nclient 192.0.2.1:{41000 + number}\n+{number} > S 0:0(0) win 64240 <mss 1460>\n"
        "+.02 < R. =0:0(0) ack 1 win 0"
        for number in range(6)
    ),
    silent="# As often, at the times of a person who tries.\n"
    + "\n".join(
        f"flow {number}\nclient 192.0.2.1:{41000 + number}\n+{time} > S 0:0(0) win 64240 <mss 1460>\n"
        "+.02 < R. =0:0(0) ack 1 win 0"
        for number, time in enumerate((0, 2, 9, 11, 30, 71))
    ),
    reported_once=True,
)
def retry_loop(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """One client tries the same port again and again, and fails each time.

    What it means: At least 5 attempts of one client at one port were refused or unanswered, at regular intervals (four
    of five within a quarter of the median), or at least 20 at any. That it is a loop is proved; why the attempts fail
    is another cause, said beside it.

    What else it could be: Nothing, as to the loop. Several programs on one host may take part in it, or several hosts
    behind one address.

    How to decide: The interval names the program: look for it in the client's retry settings (a restart policy, a
    connection pool, a health check). Without backoff, many such clients keep a server busy that comes up again.

    What the application saw: ECONNREFUSED, EHOSTUNREACH or ETIMEDOUT, each time.
    """
    handshakes, size = traffic.handshakes, len(traffic.handshakes)
    loops = _loops(traffic, capture)
    found = (loops.counts >= _LOOP) & loops.regular | (loops.counts >= _STORM)
    member = found[loops.pair]
    group = spread(size, loops.at[member], loops.pair[member])
    certainty = np.zeros(size, np.int64)
    certainty[loops.at[member]] = PROVED

    def text(index: int) -> str:
        loop = int(group[index])
        client = address(handshakes.client_address[index])
        server = address(handshakes.server_address[index], int(handshakes.server_port[index]))
        outcome = OUTCOMES[handshakes.outcome[index]]
        every = seconds(int(loops.interval[loop]))
        often = "one every" if loops.regular[loop] else "at irregular intervals of about"
        return f"retry loop of {client}: {loops.counts[loop]} attempts at {server} {outcome}, {often} {every} s"

    return Conclusion(
        certainty,
        evidence=(np.where(group == ABSENT, ABSENT, handshakes.syn_frame),),
        detail=Details(size, text),
        group=group,
    )
