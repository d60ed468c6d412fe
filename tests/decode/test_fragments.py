"""Fragments: what is put together, what is given up, and that the table never outgrows its bound."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapcheck.capture.frame import NO_TIME, Frame
from pcapcheck.decode.fragments import DATAGRAM_COST, LONGEST_WAIT, MOST_OCTETS, Fragments
from pcapcheck.decode.segment import NOT_CHECKED, SYN, IcmpError, Segment, Skip
from pcapcheck.decode.through_dpkt import decode
from tests.decode.frames import IP4, RAW, SEGMENT4, SEGMENT6, decoded, ethernet, fragment6, icmp, ip4, ip6, tcp

MORE = 0x2000
OPTIONS = b"\x02\x04\x05\xb4" + b"\x01" * 16
SYN_HEADER = tcp(b"0123456789", OPTIONS, SYN)
SYN4 = SEGMENT4._replace(tcp_flags=SYN, options=OPTIONS, payload_length=10)
SYN6 = SYN4._replace(src=SEGMENT6.src, dst=SEGMENT6.dst, ip_id=-1)

Found = Segment | IcmpError | Skip


def pieces4(payload: bytes, *sizes: int, protocol: int = 6) -> list[bytes]:
    """IPv4 fragments of so many octets each, the rest in the last."""
    ends = [sum(sizes[: count + 1]) for count in range(len(sizes))]
    starts = [0, *ends]
    return [
        ip4(payload[start:end], protocol, fragment=start // 8 | (MORE if end else 0))
        for start, end in zip(starts, [*ends, None], strict=True)
    ]


def pieces6(payload: bytes, *sizes: int) -> list[bytes]:
    ends = [sum(sizes[: count + 1]) for count in range(len(sizes))]
    return [
        ip6(fragment6(6, start // 8, more=end is not None) + payload[start:end], 44)
        for start, end in zip([0, *ends], [*ends, None], strict=True)
    ]


class Reader:
    """Frames decoded as a stretch of capture decodes them."""

    def __init__(self) -> None:
        self.fragments = Fragments()
        self.number = 0
        self.skipped: Counter[str] = Counter()
        self.first_skipped: dict[str, int] = {}

    def read(self, data: bytes, time: int = 0, link_type: int = RAW, cut: int = 0) -> Found:
        self.number += 1
        kept = data[: len(data) - cut]
        found = decode(link_type, kept, len(data))
        if found is Skip.FRAGMENT:
            found = self.fragments.take(Frame(self.number, time, link_type, len(data), kept))
        if isinstance(found, Skip):
            self.skipped[found.value] += 1
            self.first_skipped.setdefault(found.value, self.number)
        return found

    def all(self, frames: list[bytes]) -> list[Found]:
        found = [self.read(frame) for frame in frames]
        self.fragments.settle(self.skipped, self.first_skipped)
        return [one for one in found if not isinstance(one, Skip)]


def without_sum(found: Found) -> Found:
    return found._replace(checksum=NOT_CHECKED) if isinstance(found, Segment) else found


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (pieces4(SYN_HEADER, 8), SYN4),
        (pieces4(SYN_HEADER, 16, 8), SYN4),
        (pieces4(SYN_HEADER, 8, 8, 8, 8, 8), SYN4),
        (pieces6(SYN_HEADER, 8), SYN6),
        (pieces6(SYN_HEADER, 16, 8, 16), SYN6),
    ],
)
def test_a_split_header_is_put_together_in_any_order(frames: list[bytes], expected: Segment) -> None:
    for seed in range(6):
        reader = Reader()
        order = Random(seed).sample(frames, len(frames)) if seed else frames
        assert [without_sum(one) for one in reader.all(order)] == [expected]
        assert reader.skipped == {Skip.REASSEMBLED: len(frames) - 1}
        assert reader.first_skipped == {Skip.REASSEMBLED: 1}
        assert (reader.fragments.split_headers, len(reader.fragments)) == (1, 0)


def test_the_checksum_of_what_was_put_together_is_checked() -> None:
    [found] = Reader().all(pieces4(SYN_HEADER, 8))
    assert isinstance(found, Segment)
    assert found.checksum != NOT_CHECKED


def test_a_first_fragment_with_the_whole_header_is_the_segment() -> None:
    """And the only one, whatever follows."""
    data = pieces4(tcp(b"x" * 100), 104)
    reader = Reader()
    assert reader.all(data) == [SEGMENT4._replace(payload_length=84)]
    assert reader.skipped == {Skip.FRAGMENT: 1}
    assert reader.fragments.split_headers == 0


def test_a_syn_in_a_first_fragment_is_judged_at_once_and_counted() -> None:
    frames = pieces4(tcp(b"x" * 76, b"", SYN), 48, 24)
    reader = Reader()
    assert reader.all(frames) == [SEGMENT4._replace(tcp_flags=SYN, payload_length=28)]
    assert reader.skipped == {Skip.FRAGMENT: 2}
    assert (reader.fragments.split_headers, reader.fragments.first_split_header) == (1, 1)


def test_what_lies_around_the_first_fragment_lies_around_the_segment() -> None:
    first, last = pieces4(SYN_HEADER, 8)
    reader = Reader()
    reader.read(ethernet(IP4, ip4(first, 4), (0x8100, 7)), link_type=1)
    found = without_sum(reader.read(ethernet(IP4, ip4(last, 4)), link_type=1))
    assert found == SYN4._replace(vlan=7, tunnel="ipip")


def test_a_tunnel_in_fragments_that_carries_fragments() -> None:
    inner = pieces4(SYN_HEADER, 16)
    outer = [piece for one in inner for piece in pieces4(one, 16, protocol=4)]
    reader = Reader()
    assert [without_sum(one) for one in reader.all(outer)] == [SYN4._replace(tunnel="ipip")]
    assert reader.skipped == {Skip.REASSEMBLED: len(outer) - 1}


def test_an_icmp_error_in_fragments() -> None:
    message = icmp(3, 1, ip4(tcp()) + bytes(200))
    [found] = Reader().all(pieces4(message, 104, protocol=1))
    assert isinstance(found, IcmpError)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda one, two: [one, ip4(bytes(16), fragment=1 | MORE), two], id="RFC 5722: overlap"),
        pytest.param(lambda one, two: [one, ip4(b"other octets....", fragment=MORE), two], id="not equal"),
        pytest.param(lambda one, two: [two, ip4(bytes(8), fragment=40 | MORE), one], id="behind the last"),
        pytest.param(lambda one, two: [ip4(bytes(5), fragment=MORE), one, two], id="no multiple of 8"),
        pytest.param(lambda one, two: [ip4(b"", fragment=1), one, two], id="empty"),
        pytest.param(lambda one, two: [ip4(bytes(9), fragment=0x1FFF), one, two], id="longer than 65535"),
    ],
)
def test_contradictory_pieces_are_given_up(order: object) -> None:
    one, two = pieces4(SYN_HEADER, 16)
    reader = Reader()
    frames = order(one, two)  # type: ignore[operator]
    assert reader.all(frames) == []
    assert reader.skipped == {Skip.FRAGMENT: len(frames)}
    assert reader.fragments.split_headers == 1


def test_an_exact_copy_is_no_overlap() -> None:
    one, two = pieces4(SYN_HEADER, 16)
    assert len(Reader().all([one, one, two])) == 1


def test_another_identification_is_another_datagram() -> None:
    one, two = pieces4(SYN_HEADER, 16)
    reader = Reader()
    assert reader.all([one, two[:4] + b"\0\1" + two[6:]]) == []
    assert len(reader.fragments) == 2


def test_what_the_snaplen_cut_behind_the_header_is_not_missed() -> None:
    one, two = pieces4(tcp(b"x" * 100, OPTIONS, SYN), 16)
    reader = Reader()
    reader.read(one)
    assert reader.read(two, cut=90) == SYN4._replace(payload_length=100)
    one, two = pieces4(tcp(b"x" * 100, OPTIONS, SYN), 8)
    reader.read(one)
    assert reader.read(two, cut=130) is Skip.CUT_HEADER


def test_pieces_wait_for_a_minute_of_capture_time() -> None:
    one, two = pieces4(SYN_HEADER, 16)
    for wait, together in ((LONGEST_WAIT, True), (LONGEST_WAIT + 1, False)):
        reader = Reader()
        reader.read(one, time=10)
        assert isinstance(reader.read(two, time=10 + wait), Segment) is together
    reader = Reader()
    reader.read(one, time=NO_TIME)
    assert isinstance(reader.read(two, time=10**18), Segment)


def test_the_table_never_outgrows_its_bound() -> None:
    """A flood of first pieces: the oldest go, and the newest still find their other half."""
    reader = Reader()
    one, two = pieces4(SYN_HEADER, 16)
    for number in range(3 * MOST_OCTETS // DATAGRAM_COST):
        reader.read(one[:4] + (number & 0xFFFF).to_bytes(2) + one[6:12] + number.to_bytes(4) + one[16:])
        assert reader.fragments._cost <= MOST_OCTETS
    assert len(reader.fragments) <= MOST_OCTETS // DATAGRAM_COST
    reader.read(one)
    assert isinstance(reader.read(two), Segment)


def test_many_small_pieces_of_one_datagram_are_cheap() -> None:
    payload = tcp(bytes(65000))
    frames = pieces4(payload, *[8] * (len(payload) // 8))
    found = Reader().all(frames[::-1])
    assert found in ([SEGMENT4._replace(payload_length=65000)], [])


@given(data=st.binary(max_size=120), kept=st.integers(0, 120), tail=st.binary(max_size=60))
def test_any_octets_can_be_offered(data: bytes, kept: int, tail: bytes) -> None:
    fragments = Fragments()
    for frame in (data[:kept], ip4(tail, fragment=MORE)[:kept], ip6(fragment6(6, 1) + data, 44), ip4(data, fragment=2)):
        fragments.take(Frame(1, 0, RAW, len(frame), frame))


SIZES = st.lists(st.sampled_from([8, 16, 24, 40]), min_size=1, max_size=6)


@given(sizes=SIZES, random=st.randoms(use_true_random=False), syn=st.booleans(), version=st.sampled_from([4, 6]))
def test_cut_into_any_pieces_in_any_order_it_is_one_segment(
    sizes: list[int], random: Random, syn: bool, version: int
) -> None:
    payload = tcp(b"y" * (sum(sizes) + 1), b"\x01" * 20, SYN if syn else 0x10)
    frames = (pieces4 if version == 4 else pieces6)(payload, *sizes)
    random.shuffle(frames)
    whole = decoded(ip4(payload) if version == 4 else ip6(payload), RAW)
    assert isinstance(whole, Segment)
    [found] = Reader().all(frames)
    assert isinstance(found, Segment)
    # Where the first fragment holds the header it is judged alone, by its own length.
    alone = sizes[0] >= 40
    payload_length = sizes[0] - 40 if alone else whole.payload_length
    assert without_sum(found) == whole._replace(payload_length=payload_length, checksum=NOT_CHECKED)
