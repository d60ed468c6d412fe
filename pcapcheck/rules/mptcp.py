"""Multipath TCP (RFC 8684): the options that open a connection or join one."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from pcapcheck.decode.option_columns import ROOM
from pcapcheck.decode.segment import RST, SYN
from pcapcheck.evidence import Event
from pcapcheck.rules.among import options_cut
from pcapcheck.rules.catalogue import Answer, Bools, rule, words
from pcapcheck.rules.row_options import options_seen, segments, some
from pcapcheck.stretch import CaptureFacts
from pcapcheck.tables import ABSENT
from pcapcheck.traffic import Ints, Traffic

MP_CAPABLE: Final = 0
MP_JOIN: Final = 1

# By subtype and version, what the option's length is in the SYN, the SYN-ACK and the client's segments after it. RFC
# 8684, section 3.1 (version 1: without and with data, without and with a checksum) and 3.2; RFC 6824, section 3.1.
_LENGTHS: Final = {
    (MP_CAPABLE, 0): ((12,), (12,), (20,)),
    (MP_CAPABLE, 1): ((4,), (12,), (20, 22, 24)),
    (MP_JOIN, 0): ((12,), (16,), (24,)),
}
_PLACES: Final = ("SYN", "SYN-ACK", "ACK")
_KEY_OCTETS: Final = 8
_SENDER_KEY_AT: Final = 4  # in MP_CAPABLE
_RECEIVER_KEY_AT: Final = 12


class _First:
    """The first MPTCP option of each row: subtype, version, length; ABSENT where there is none."""

    def __init__(self, traffic: Traffic) -> None:
        self._at = traffic.options.mptcp.astype(np.int64)
        (self._where,) = (self._at != ABSENT).nonzero()
        self.some = len(self._where) > 0
        self._octets = traffic.rows["options"][self._where].copy().view(np.uint8).reshape(-1, ROOM)
        kinds = self._octet(2)
        self.length = self._column(self._octet(1))
        self.subtype = self._column(kinds >> 4)
        # Only MP_CAPABLE has a version.
        self.version = self._column(np.where(kinds >> 4 == MP_CAPABLE, kinds & 15, 0))

    def key(self, row: Ints, at: int) -> npt.NDArray[np.uint8]:
        """The key that stands ``at`` octets into the option of each of these rows."""
        columns = self._at[row][:, None] + at + np.arange(_KEY_OCTETS)
        key: npt.NDArray[np.uint8] = self._octets[
            np.searchsorted(self._where, row)[:, None], np.minimum(columns, ROOM - 1)
        ]
        return key

    def _octet(self, offset: int) -> Ints:
        octets = self._octets[np.arange(len(self._where)), self._at[self._where] + offset]
        column: Ints = octets.astype(np.int64)
        return column

    def _column(self, values: Ints) -> Ints:
        column = np.full(len(self._at), ABSENT, np.int64)
        column[self._where] = values
        return column


@rule(
    "MP01",
    "mptcp-broken",
    "warning",
    reference="RFC 8684, sections 3.1, 3.2 and 3.7; RFC 6824, section 3.1",
    needs="the options of SYN, SYN-ACK and ACK",
    message="Multipath TCP: {actual}, expected {expected}",
    among=lambda traffic: some(traffic, traffic.options.mptcp != ABSENT) | options_cut(traffic),
    fires="""
        # The ACK must repeat the server's key.
        +0   > S  0:0(0) win 64240 <mss 1460,mptcp capable>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,mptcp capable 0123456789abcdef>
        +0   > .  1:1(0) ack 1 <mptcp capable 1111111111111111fedcba9876543210>
    """,
    silent="""
        +0   > S  0:0(0) win 64240 <mss 1460,mptcp capable>
        +.02 < S. 0:0(0) ack 1 win 65160 <mss 1460,mptcp capable 0123456789abcdef>
        +0   > .  1:1(0) ack 1 <mptcp capable 11111111111111110123456789abcdef>
    """,
)
def mptcp_broken(traffic: Traffic, capture: CaptureFacts) -> Answer:
    """The options that open a Multipath TCP connection, or join a path to it, do not fit together.

    What it means: MP_CAPABLE is 4 octets long in the SYN (12 in version 0), 12 in the SYN-ACK with the server's key,
    and 20 in the ACK with both keys (22 or 24 with data); MP_JOIN is 12, 16 and 24. The ACK echoes the server's key.
    "If a SYN does not contain an MP_CAPABLE option, the SYN/ACK MUST NOT contain one in response"; if the SYN-ACK has
    none, "the MPTCP session MUST operate as a regular, single-path TCP session"; its version is no higher than the
    SYN's.

    Why it matters: The connection falls back to plain TCP, or one side believes in Multipath TCP and the other does
    not: the data then stalls, or the path is reset.

    Common causes: A middlebox that removes or copies options in one direction, or answers in the server's place; a load
    balancer whose servers do not share keys; an implementation of another version.

    What to look at next: The same segments at the other side, and whether the client's later segments still carry
    MPTCP options.
    """
    option, sent = _First(traffic), segments(traffic)
    syn, synack = traffic.is_event(Event.SYN), traffic.is_event(Event.SYNACK)
    later = sent & traffic.from_client & (traffic.column("tcp_flags") & (SYN | RST) == 0)
    unseen = some(traffic, syn | synack) & ~options_seen(traffic, syn | synack)
    if not option.some:
        return Answer(np.zeros(len(traffic.handshakes), bool), applies=unseen, decidable=~unseen)
    row = np.full(len(traffic.handshakes), ABSENT, np.int64)
    actual, expected = words(len(row), (), ()), words(len(row), (), ())

    def enter(found: Ints, said: str, asked: str) -> None:
        """What is wrong with a row counts where nothing before it was."""
        new = (found != ABSENT) & (row == ABSENT)
        row[new], actual[new], expected[new] = found[new], said, asked

    has = option.subtype != ABSENT
    seen = options_seen(traffic, syn)
    for subtype, name in ((MP_CAPABLE, "MP_CAPABLE"), (MP_JOIN, "MP_JOIN")):
        unasked = seen & ~some(traffic, syn & (option.subtype == subtype))
        enter(
            traffic.first(synack & (option.subtype == subtype) & unasked[traffic.handshake]),
            f"SYN-ACK with {name}", "none, as no SYN had it",
        )  # fmt: skip
    for place, rows in enumerate((syn, synack, later)):
        found = traffic.first(rows & _wrong_length(option, place))
        for length in np.unique(option.length[found[found != ABSENT]]).tolist():
            enter(
                np.where((found != ABSENT) & (option.length[found] == length), found, ABSENT),
                f"an option of {length} octets in the {_PLACES[place]}", "the length of its kind and place",
            )  # fmt: skip
    newest = np.full(len(row), ABSENT, np.int64)
    asks = syn & (option.subtype == MP_CAPABLE)
    np.maximum.at(newest, traffic.handshake[asks], option.version[asks])
    enter(
        traffic.first(
            synack & (option.subtype == MP_CAPABLE) & (option.version > newest[traffic.handshake])
            & (newest != ABSENT)[traffic.handshake]
        ),
        "SYN-ACK of a higher version", "at most the SYN's",
    )  # fmt: skip
    enter(_other_key(traffic, option, synack, later), "ACK echoes another key", "the key of the SYN-ACK")
    declined = some(traffic, syn & has) & options_seen(traffic, synack) & ~some(traffic, synack & has)
    enter(
        traffic.first(later & has & declined[traffic.handshake]),
        "MPTCP options after a SYN-ACK without them", "plain TCP",
    )  # fmt: skip
    return Answer(
        fails=row != ABSENT,
        applies=unseen | some(traffic, (syn | synack) & has),
        decidable=(row != ABSENT) | options_seen(traffic, syn),
        frames=(traffic.value("frame", row), traffic.value("frame", traffic.first(synack))),
        expected=expected,
        actual=actual,
    )


def _wrong_length(option: _First, place: int) -> Bools:
    """Which rows have an MP_CAPABLE or MP_JOIN of a length that it has not in this place."""
    wrong = np.zeros(len(option.length), bool)
    for (subtype, version), lengths in _LENGTHS.items():
        kind = (option.subtype == subtype) & (option.version == version)
        wrong |= kind & ~np.isin(option.length, lengths[place])
    return wrong


def _other_key(traffic: Traffic, option: _First, synack: Bools, later: Bools) -> Ints:
    """For each handshake the row of an ACK whose receiver's key is not the one that the SYN-ACK gave."""
    wrong = np.full(len(traffic.handshakes), ABSENT, np.int64)
    gave = traffic.first(synack & (option.subtype == MP_CAPABLE) & (option.length == 12))
    echoes = traffic.first(later & (option.subtype == MP_CAPABLE) & (option.length >= 20))
    (both,) = ((gave != ABSENT) & (echoes != ABSENT)).nonzero()
    differ = (option.key(gave[both], _SENDER_KEY_AT) != option.key(echoes[both], _RECEIVER_KEY_AT)).any(axis=1)
    wrong[both[differ]] = echoes[both[differ]]
    return wrong
