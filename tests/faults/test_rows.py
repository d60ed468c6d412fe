"""Copies of one packet, told from segments that only look alike."""

from __future__ import annotations

import pytest

from pcapcheck.decode.segment import ACK, OPTIONS_UNSEEN, PSH, SYN, Segment
from pcapcheck.faults import copies
from pcapcheck.select import rows_of, select
from tests.traffic import HOSTS, segment

MICROSECOND = 1000


def twice(one: Segment, other: Segment) -> dict[int, int]:
    """Which of two segments, 10 us apart, is a copy."""
    rows = select([(1, 0, one), (2, 10 * MICROSECOND, other)]).rows
    return copies(list(rows_of(rows)))


def sent(flags: int, octets: int = 0, ip_id: int = -1, unseen: int = 0) -> Segment:
    return segment((HOSTS[0], HOSTS[1]), 100, 200, flags, octets)._replace(ip_id=ip_id, unseen=unseen)


@pytest.mark.parametrize(
    ("one", "copied"),
    [
        (sent(ACK), True),
        (sent(ACK, ip_id=7), True),
        (sent(ACK, ip_id=7, unseen=OPTIONS_UNSEEN), True),
        # Two duplicate ACKs of IPv6 whose SACK blocks were cut off: which blocks they name is not known.
        (sent(ACK, unseen=OPTIONS_UNSEEN), False),
        (sent(PSH | ACK, octets=10, unseen=OPTIONS_UNSEEN), True),
        (sent(SYN | ACK, unseen=OPTIONS_UNSEEN), True),
    ],
)
def test_the_same_again(one: Segment, copied: bool) -> None:
    assert twice(one, one) == ({1: 0} if copied else {})


def test_another_ip_id_is_another_segment() -> None:
    assert twice(sent(ACK, ip_id=7), sent(ACK, ip_id=8)) == {}


def test_other_sack_blocks_are_another_segment() -> None:
    blocks = [b"\x01\x01\x05\x0a" + bytes(7) + bytes([edge]) for edge in (1, 2)]
    one, other = (sent(ACK)._replace(options=options) for options in blocks)
    assert twice(one, other) == {}
    assert twice(one, one) == {1: 0}
