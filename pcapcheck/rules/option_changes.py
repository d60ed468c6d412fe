"""Options that differ between the copies of one SYN, or that one side alone uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from pcapcheck.decode.option_columns import KIND_BIT
from pcapcheck.decode.options import Kind
from pcapcheck.decode.segment import AE, CWR, ECE
from pcapcheck.evidence import Event
from pcapcheck.rules.among import options_cut, syn_repeated
from pcapcheck.rules.catalogue import Answer, rule, words
from pcapcheck.rules.row_options import options_seen, some, texts
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Traffic

_NAMES: Final = {
    Kind.MSS: "MSS",
    Kind.WINDOW_SCALE: "window scale",
    Kind.SACK_PERMITTED: "SACK-permitted",
    Kind.TIMESTAMPS: "timestamps",
    Kind.MD5: "MD5 signature",
    Kind.AUTHENTICATION: "TCP-AO",
    Kind.MPTCP: "MPTCP",
    Kind.FAST_OPEN: "Fast Open",
    Kind.ACC_ECN_0: "AccECN option",
    Kind.EXPERIMENT_1: "experimental option",
}
_PADDING: Final = int(KIND_BIT[Kind.END] | KIND_BIT[Kind.NO_OPERATION])
_ECN: Final = AE | CWR | ECE


@rule(
    "OP16",
    "syn-repeated-differently",
    "note",
    reference="RFC 7413, section 4.2; RFC 3168, section 6.1.1.1; RFC 9768, section 3.1.4.1; RFC 8684, section 3.1",
    needs="the options of two SYNs of the attempt",
    message="repeated SYN differs: {actual}",
    among=syn_repeated,
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,nop,wscale 7>
        +1   > S  0:0(0) win 64240 <mss 1460,nop,wscale 9>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,nop,wscale 7>
        +0   > .  1:1(0) ack 1
    """,
    silent="""
        # Only the time has gone on.
        +0   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 7>
        +1   > S  0:0(0) win 64240 <mss 1460,sackOK,TS val 1100 ecr 0,nop,wscale 7>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
        +0   > .  1:1(0) ack 1
    """,
)
def syn_repeated_differently(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """A repeated SYN asks for something else than the one before it.

    What it means: A client whose SYN stays unanswered may leave out what the path might not bear: Fast Open and its
    data, ECN, AccECN, Multipath TCP, timestamps, a large MSS. Such a fall-back is legal and only named (info). Anything
    added or set to another value is no fall-back. (A SYN that asks for AccECN and one that asks for classic ECN "MUST
    NOT" be sent within one connection.)

    Why it matters: The server answers one of them, and it matters which: what the others asked for is not agreed on. A
    fall-back after a lost SYN costs the connection the feature.

    Common causes: A fall-back after a lost or blocked SYN; a middlebox that rewrites options on some copies only; two
    machines behind one address; a client that starts afresh with the same number.

    What to look at next: Whether the first SYN was lost or blocked: other connections on the same path whose first SYN
    had the option.
    """
    size, (where,) = len(traffic.handshakes), traffic.is_event(Event.SYN).nonzero()
    asked = np.stack([column[where].astype(np.int64) for column in _what_it_asks(traffic)])
    changed = np.zeros(len(where), bool)
    same = traffic.handshake[where][1:] == traffic.handshake[where][:-1]
    changed[1:] = same & (asked[:, 1:] != asked[:, :-1]).any(axis=0)
    row, before = np.full(size, ABSENT, np.int64), np.full(size, ABSENT, np.int64)
    (at,) = changed.nonzero()
    row[traffic.handshake[where[at[::-1]]]] = where[at[::-1]]
    before[traffic.handshake[where[at[::-1]]]] = where[at[::-1] - 1]
    (found,) = (row != ABSENT).nonzero()
    at = np.searchsorted(where, row[found])
    changes = [
        list(_changes(*columns)) for columns in zip(asked[:, at - 1].T.tolist(), asked[:, at].T.tolist(), strict=True)
    ]
    legal = [index for index, texts in zip(found.tolist(), changes, strict=True) if all(fall for _, fall in texts)]
    syn = traffic.is_event(Event.SYN)
    return Answer(
        fails=row != ABSENT,
        applies=traffic.count(syn) > 1,
        decidable=(row != ABSENT) | options_seen(traffic, syn),
        frames=(traffic.value("frame", row), traffic.value("frame", before)),
        expected="the same SYN again",
        actual=words(size, found.tolist(), [", ".join(text for text, _ in texts) for texts in changes]),
        detail=words(size, legal, ["a legal fall-back"] * len(legal)),
        severities=words(size, legal, ["info"] * len(legal)),
    )


def _what_it_asks(traffic: Traffic) -> list[Any]:
    """The columns that the copies of a SYN share: options, MSS, scale, Fast Open cookie, ECN flags, payload."""
    options = traffic.options
    kinds = np.where(traffic.column("unseen") == 0, options.kinds & ~_PADDING, 0)
    return [
        kinds,
        options.mss,
        options.wscale,
        options.fast_open,
        traffic.column("tcp_flags") & _ECN,
        traffic.column("payload_length"),
    ]


def _changes(before: list[int], after: list[int]) -> Iterator[tuple[str, bool]]:
    """What changed from one SYN to the next, in words, and whether it is a fall-back."""
    for kind, name in _NAMES.items():
        bit = int(KIND_BIT[kind])
        if before[0] & bit and not after[0] & bit:
            yield f"without {name}", True
        elif after[0] & bit and not before[0] & bit:
            yield f"with {name}", False
    known = sum(int(KIND_BIT[kind]) for kind in _NAMES)
    if (before[0] ^ after[0]) & ~known:
        yield "another set of unknown options", not after[0] & ~before[0] & ~known
    for name, one, other in zip(("MSS", "window scale"), before[1:3], after[1:3], strict=True):
        if one != other and ABSENT not in (one, other):
            yield f"{name} {other}, before {one}", name == "MSS" and other < one
    if before[3] != after[3] and ABSENT not in (before[3], after[3]):
        yield f"a cookie of {after[3]} octets, before {before[3]}", after[3] == 0
    if before[4] != after[4]:
        yield f"ECN flags {_flags(after[4])}, before {_flags(before[4])}", after[4] == 0
    if before[5] != after[5]:
        yield f"{after[5]} octets of data, before {before[5]}", after[5] == 0


def _flags(bits: int) -> str:
    return "".join(str(int(bool(bits & bit))) for bit in (AE, CWR, ECE))


_SIGNATURES: Final = ("none", "MD5", "TCP-AO", "MD5 and TCP-AO")


@rule(
    "OP17",
    "one-side-signs",
    "warning",
    reference="RFC 2385, section 2.0; RFC 5925, sections 7.4 and 7.5",
    needs="the options of SYN and SYN-ACK",
    message="the SYN-ACK's signature is {actual}, the SYN's is {expected}",
    among=lambda traffic: some(traffic, traffic.options.md5 | traffic.options.ao) | options_cut(traffic),
    fires="""
        +0   > S  0:0(0) win 64240 <mss 1460,md5>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,md5>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,md5>
        +0   > .  1:1(0) ack 1 <md5>
    """,
)
def one_side_signs(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """SYN and SYN-ACK are not signed alike, with MD5 or TCP-AO.

    What it means: Signing is not negotiated: each side is configured for it. A server without a key answers a signed
    SYN unsigned ("if there is no matching MKT, remove TCP-AO from the segment" and proceed), and a client with a key
    does not take that: such a SYN-ACK "will not be signed and will thus be ignored".

    Why it matters: The connection never opens. The server seems to answer, the client seems not to hear.

    Common causes: A BGP or LDP session whose password is set on one router only, or for another address; a middlebox
    that strips the option; keys that changed at one end.

    What to look at next: The configuration for this very pair of addresses on both sides, and counters such as
    TcpExtTCPMD5NotFound or TcpExtTCPAORequired.
    """
    options = traffic.options
    signed = options.md5 + 2 * options.ao.astype(np.int64)
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    asked, answered = traffic.first(syn), traffic.first(synack)
    by_client, by_server = signed[asked], signed[answered]
    both = (asked != ABSENT) & (answered != ABSENT)
    signs = some(traffic, (syn | synack) & (signed > 0))
    seen = options_seen(traffic, syn) & options_seen(traffic, synack)
    fails = both & (by_client != by_server)
    return Answer(
        fails=fails,
        applies=both & (signs | ~seen),
        decidable=seen,
        frames=(traffic.value("frame", answered), traffic.value("frame", asked)),
        expected=texts(fails, _SIGNATURES, by_client),
        actual=texts(fails, _SIGNATURES, by_server),
    )
