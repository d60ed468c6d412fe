"""Boxes on the path that rewrite numbers, sizes and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from pcapcheck import seq
from pcapcheck.decode.options import Kind
from pcapcheck.diagnoses.catalogue import COMPATIBLE, STRONG, Bools, Conclusion, diagnosis
from pcapcheck.diagnoses.columns import Details, any_of, spread, syn_window, synack_window
from pcapcheck.evidence import Event
from pcapcheck.openings import ICMP
from pcapcheck.rules.asking import ask
from pcapcheck.rules.catalogue import REGISTERED
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic, by_rows

# No window is so wide: numbers further apart belong to two ways of counting.
_FAR: Final = 2**27

# Where the SACK blocks stand as all systems write them: alone, or behind the timestamps.
_NOP2: Final = bytes([Kind.NO_OPERATION] * 2)
_ALONE: Final = _NOP2 + bytes([Kind.SACK])
_TIMESTAMPS: Final = _NOP2 + bytes([Kind.TIMESTAMPS, 10])

# What a window is a multiple of where it was made for an Ethernet: its MSS, less the timestamps or not.
_ETHERNET_V4: Final = (1460, 1448)
_ETHERNET_V6: Final = (1440, 1428)
_TIMESTAMP_OCTETS: Final = 12


def _sack_edges(traffic: Traffic, at: Ints) -> Ints:
    """The left edge of the first SACK block of these rows, ABSENT where it stands in no usual place."""
    octets = np.ascontiguousarray(traffic.rows["options"][at]).view(np.uint8).reshape(-1, 40)
    alone, stamps = (np.frombuffer(text, np.uint8) for text in (_ALONE, _TIMESTAMPS))
    first = (octets[:, :3] == alone).all(axis=1)
    second = (octets[:, :4] == stamps).all(axis=1) & (octets[:, 12:15] == alone).all(axis=1)
    edge = np.full(len(at), ABSENT, np.int64)
    for where, start in ((first, 4), (second, 16)):
        edge[where] = octets[where, start : start + 4].copy().view(">u4")[:, 0]
    return edge


@diagnosis(
    "D15",
    "isn-rewritten",
    application="nothing",
    rivals=("segment-injected",),
    decide_by="capture on both sides of the middlebox: the same packet has two sequence numbers",
    fires="""
        # The box shifts the server's numbers, but forgets those in the client's SACK blocks.
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK>
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1461:2921(1460) ack 101
        +0   > .  101:101(0) ack 1 <nop,nop,sack 900001461:900002921>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,sackOK>
        +0   > .  1:1(0) ack 1
        +0   > P. 1:101(100) ack 1
        +.02 < .  1461:2921(1460) ack 101
        +0   > .  101:101(0) ack 1 <nop,nop,sack 1461:2921>
    """,
    circumstance=True,
)
def isn_rewritten(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """A box on the path shifts sequence numbers, and not everywhere where they stand.

    What it means: Firewalls that give connections another initial sequence number must rewrite it in both directions,
    in SACK blocks and in the headers that ICMP errors quote. Here a SACK block lies further from the acknowledgement
    than any window reaches (strong), or an ICMP error quotes a number far from all of this connection (compatible).

    What else it could be: For ICMP: somebody guesses, which is why RFC 5927, section 4.1 asks to check the number. For
    SACK: a faulty stack.

    How to decide: Two capture points, one on each side. The difference between the numbers of one packet (same IP id)
    is constant for a connection and direction.

    What the application saw: Nothing at first; after the first loss the sender finds no sense in the blocks, and a
    transfer becomes slow or hangs.
    """
    block, distance, quote = _far_from_all(traffic)

    def text(index: int) -> str:
        if block[index] == ABSENT:
            return "an ICMP error quotes a sequence number that is far from this connection's"
        return f"a SACK block lies {distance[index]} octets from the acknowledgement beside it"

    return Conclusion(
        np.select([block != ABSENT, quote != ABSENT], [STRONG, COMPATIBLE], 0),
        evidence=(np.where(block == ABSENT, quote, block),),
        detail=Details(len(block), text),
    )


@by_rows((ABSENT, ABSENT, ABSENT))
def _far_from_all(traffic: Traffic) -> tuple[Ints, Ints, Ints]:
    """Numbers that lie far from all of this connection, ABSENT where there is none.

    The frame of the first SACK block that does, how far it lies from the acknowledgement beside it, and the frame of
    the first ICMP error that quotes such a number.
    """
    handshakes = traffic.handshakes
    (sack,) = (traffic.options.sack & ~traffic.is_event(Event.COPY)).nonzero()
    edge = _sack_edges(traffic, sack)
    distance = np.where(edge == ABSENT, 0, np.abs(seq.diff(edge, traffic.column("ack")[sack])))
    (icmp,) = (traffic.column("kind") == ICMP).nonzero()
    own = np.where(traffic.from_client[icmp], *(
        isn[traffic.handshake[icmp]] for isn in (handshakes.client_isn, handshakes.server_isn)
    ))  # fmt: skip
    quote = traffic.first_at(icmp[(own != ABSENT) & (np.abs(seq.diff(traffic.column("seq")[icmp], own)) > _FAR)])
    block = traffic.first_at(sack[distance > _FAR])
    (found,) = (block != ABSENT).nonzero()
    far = spread(len(block), found, distance[np.searchsorted(sack, block[found])])
    return traffic.value("frame", block), far, traffic.value("frame", quote)


def _clamped(traffic: Traffic, mss: str, window: Callable[[Traffic], Ints]) -> Bools:
    """Whether a side's window was made of Ethernet segments, and its MSS says that they are smaller."""
    handshakes = traffic.handshakes
    clamped = np.zeros(len(handshakes), bool)
    smaller = handshakes.meet(mss, lambda size: (size > _TIMESTAMP_OCTETS) & (size < _ETHERNET_V4[0]))
    if not smaller.any():
        return clamped
    left = window(traffic)
    (at,) = (smaller & (left > 0)).nonzero()
    size, left = handshakes.read(mss, at), left[at]
    own = (left % size == 0) | (left % (size - _TIMESTAMP_OCTETS) == 0)
    v4 = traffic.handshakes.is_v4[at]
    for of_version, sizes in ((v4, _ETHERNET_V4), (~v4, _ETHERNET_V6)):
        made = (left % sizes[0] == 0) | (left % sizes[1] == 0)
        clamped[at] |= of_version & made & (size < sizes[0]) & ~own
    return clamped


# In the order in which they are asked; the first that holds is said.
_REWRITTEN: Final = (
    "the MSS of the SYN was lowered: its window is a multiple of a larger one",
    "the MSS of the SYN-ACK was lowered: its window is a multiple of a larger one",
    "the window scale was removed on one side: the first windows make no sense (OP09)",
    "the SYN-ACK has none of the options that this socket sends otherwise",
)
_STRIPPED: Final = len(_REWRITTEN) - 1


@diagnosis(
    "D16",
    "options-rewritten",
    application="nothing",
    rivals=("syn-cookies", "synack-from-proxy"),
    decide_by="capture on both sides of the middlebox, and compare the options of the SYN",
    fires="""
        # 64240 is 44 segments of 1460 octets: this is what the client's own MSS was.
        +0   > S  0:0(0) win 64240 <mss 1200>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # A client that has such a link itself.
        +0   > S  0:0(0) win 63888 <mss 1452>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
    circumstance=True,
)
def options_rewritten(traffic: Traffic, capture: CaptureFacts) -> Conclusion:
    """A box on the path lowered the MSS, or removed options from SYN or SYN-ACK.

    What it means: Most systems make their first window a multiple of their MSS, often less 12 octets for timestamps. A
    window that fits an Ethernet's MSS and not the smaller one that stands beside it says that the MSS was lowered on
    the way: strong, as is a window scale that one side does not know of (OP09). A SYN-ACK without window scale, SACK
    and timestamps, where this socket sends them to others that ask, is compatible with a box that strips them.

    What else it could be: A server that answers with SYN cookies and has no room for options; a SYN proxy that answers
    in its place; a host with a route of smaller MTU.

    How to decide: Two capture points. A lowered MSS is usually meant (a VPN, PPPoE, `TCPMSS --clamp-mss-to-pmtu`); a
    stripped window scale is not.

    What the application saw: Nothing. A stripped window scale makes transfers slow.
    """
    handshakes = traffic.handshakes
    collapse = ask(REGISTERED["OP09"], traffic, capture)
    collapses = np.zeros(len(handshakes), bool)
    collapses[collapse.handshakes(collapse.failed)] = True

    def has(name: str) -> Bools:
        return handshakes.meet(name, lambda offered: offered == 1)

    def lacks(name: str) -> Bools:
        return handshakes.meet(name, lambda offered: offered == 0)

    scaled = handshakes.is_known("server_wscale")
    stripped = ~scaled & lacks("server_sack_permitted") & lacks("server_timestamps")
    if stripped.any():
        every = has("client_sack_permitted") & has("client_timestamps") & handshakes.is_known("client_wscale")
        stripped &= every & traffic.has(Event.SYNACK)
        given = every & scaled & has("server_sack_permitted") & has("server_timestamps")
        stripped &= any_of(traffic.sockets, given)[traffic.sockets]
    signs = [
        _clamped(traffic, "client_mss", syn_window),
        _clamped(traffic, "server_mss", synack_window),
        collapses,
        stripped,
    ]
    (at,) = np.logical_or.reduce(signs).nonzero()
    which = np.select([sign[at] for sign in signs], range(len(signs)))
    syn, synack = (handshakes.read(name, at) for name in ("syn_frame", "synack_frame"))
    return Conclusion.of_some(
        len(handshakes),
        at,
        np.where(which == _STRIPPED, COMPATIBLE, STRONG),
        evidence=(np.where(which == 0, syn, synack),),
        text=lambda entry: _REWRITTEN[which[entry]],
    )
