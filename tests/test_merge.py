"""Merging obeys its law: stretches of a capture, cut anywhere and merged in any tree of neighbours, give the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapcheck import stretch
from pcapcheck.capture import Capture, open_capture
from pcapcheck.capture.frame import NO_TIME, Clock, Frame
from pcapcheck.decode.segment import ACK, FIN, RST, SYN, IcmpError
from pcapcheck.judge import judge
from pcapcheck.neighbours import merge
from pcapcheck.openings import Openings
from pcapcheck.reading import DpktReading
from pcapcheck.rows import FIELDS
from pcapcheck.select import select
from pcapcheck.stretch import Summary
from pcapcheck.window import EVERYTHING
from tests.rows import rows
from tests.traffic import HOSTS, Captured, captures, segment

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted([*TESTS.glob("lab/*.pcap"), *TESTS.parent.glob("sample_captures/*.pcap*")])
# A capture of so few frames is cut everywhere, a longer one so often at random.
FEW = 20

Part = TypeVar("Part")


class Stretch:
    """Some frames of a capture, as ``stretch`` reads one."""

    path, format, compression = "capture.pcap", "pcap", ""
    damage, dropped, bytes_read = None, 0, 0

    def __init__(self, frames: Sequence[Frame], before: int) -> None:
        self._frames = frames
        self.link_types = list(dict.fromkeys(frame.link_type for frame in frames))
        self.clocks = [Clock("10^-6", 0)] if frames else []
        self.frame_count = frames[-1].number - before if frames else 0
        self.end_time_ns = NO_TIME

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)


def summary(frames: Sequence[Frame], start: int, end: int) -> Summary:
    before = frames[start - 1].number if start else 0
    part = cast(Capture, Stretch(frames[start:end], before))
    return stretch._read(part, DpktReading(part, EVERYTHING), lambda octets: None)


@cache
def frames_of(path: Path) -> list[Frame]:
    with open_capture(str(path)) as capture:
        return list(capture)


def same(one: Openings, other: Openings) -> bool:
    return one.flows == other.flows and one.rows.octets() == other.rows.octets()


def difference(one: Openings, other: Openings) -> list[Any]:
    """The rows that differ, field by field, for the message of a failure."""
    if len(one.rows) != len(other.rows):
        return [one.rows["frame"].tolist(), other.rows["frame"].tolist()]
    names = [name for name in FIELDS if not np.array_equal(one.rows[name], other.rows[name])]
    return [(name, one.rows[name].tolist(), other.rows[name].tolist()) for name in names]


def tree(parts: list[Part], join: Any, random: Random) -> Part:
    """Two neighbours at a time, in random order."""
    while len(parts) > 1:
        at = random.randrange(len(parts) - 1)
        parts[at : at + 2] = [join(parts[at], parts[at + 1])]
    return parts[0]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_any_cut_of_a_capture(path: Path) -> None:
    frames = frames_of(path)
    whole = summary(frames, 0, len(frames))
    cuts = range(len(frames) + 1)
    for cut in cuts if len(frames) <= FEW else Random(path.stem).sample(cuts, FEW // 2):
        merged = stretch.merge(summary(frames, 0, cut), summary(frames, cut, len(frames)))
        assert difference(merged.openings, whole.openings) == []
        assert same(merged.openings, whole.openings)
        assert merged.facts == whole.facts


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_any_tree_of_neighbours(path: Path) -> None:
    frames, random = frames_of(path), Random(path.stem)
    whole = summary(frames, 0, len(frames))
    for _ in range(4):
        cuts = sorted(random.choices(range(len(frames) + 1), k=random.randint(2, 6)))
        parts = [summary(frames, start, end) for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True)]
        merged = tree(parts, stretch.merge, random)
        assert difference(merged.openings, whole.openings) == []
        assert same(merged.openings, whole.openings)
        assert merged.facts == whole.facts


def test_the_whole_gives_the_same_handshakes() -> None:
    """Equal openings give equal handshakes; here once over a rotated capture, to the end."""
    frames = frames_of(TESTS.parent / "sample_captures" / "handshakes.pcap")
    size = len(frames) // 3
    parts = [summary(frames, start, min(start + size, len(frames))) for start in range(0, len(frames), size)]
    merged, whole = tree(parts, stretch.merge, Random(3)), summary(frames, 0, len(frames))
    found = rows(judge(merged.openings, 0, merged.facts.end_time))
    assert found == rows(judge(whole.openings, 0, whole.facts.end_time))
    assert len(found) > 15


@settings(max_examples=250)
@given(captures(), st.data())
def test_any_cut_and_any_tree_of_any_traffic(captured: Captured, data: st.DataObject) -> None:
    whole = select(captured)
    places = st.integers(0, len(captured))
    cuts = sorted(data.draw(st.lists(places, min_size=1, max_size=6), label="cuts"))
    parts = [select(captured[start:end]) for start, end in zip([0, *cuts], [*cuts, len(captured)], strict=True)]
    merged = tree(parts, merge, data.draw(st.randoms(use_true_random=False)))
    assert difference(merged, whole) == []
    assert same(merged, whole)


def test_tenants_of_one_overlay_have_flows_of_their_own() -> None:
    """Equal addresses and ports in two virtual networks: two flows, in stretches as in the whole."""
    there = segment(CLIENT_TO_SERVER, 1, 0, SYN)
    back = segment(CLIENT_TO_SERVER[::-1], 9, 2, SYN | ACK)
    captured: Captured = [
        (number, number, one._replace(tenant=tenant))
        for number, (one, tenant) in enumerate([(there, 5), (there, 2**36), (back, 5), (back, 2**36), (there, 0)], 1)
    ]
    whole = select(captured)
    assert [key.tenant for key in whole.flows] == [5, 2**36, 0]
    assert whole.rows["flow"].tolist() == [0, 0, 1, 1, 2]
    assert whole.rows["frame"].tolist() == [1, 3, 2, 4, 5]
    for cut in range(6):
        assert same(merge(select(captured[:cut]), select(captured[cut:])), whole)


@given(captures())
def test_openings_of_openings_are_themselves(captured: Captured) -> None:
    whole = select(captured)
    assert same(merge(whole, Openings()), whole)
    assert same(merge(Openings(), whole), whole)


TIMES: Final = st.one_of(st.just(NO_TIME), st.integers(0, 20))


@given(st.lists(TIMES, max_size=12), st.data())
def test_facts_of_any_clock(times: list[int], data: st.DataObject) -> None:
    frames = [Frame(number, time, 1, 60, b"") for number, time in enumerate(times, start=1)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(frames)), min_size=1, max_size=4), label="cuts"))
    parts = [summary(frames, start, end) for start, end in zip([0, *cuts], [*cuts, len(frames)], strict=True)]
    merged = tree(parts, stretch.merge, data.draw(st.randoms(use_true_random=False)))
    assert merged.facts == summary(frames, 0, len(frames)).facts


CLIENT_TO_SERVER: Final = (HOSTS[0], HOSTS[1])


@pytest.mark.parametrize(
    ("flags", "kept"),
    [
        (SYN, [*range(1, 13), 100]),
        (SYN | ACK, [*range(1, 13), 100]),
        (ACK, [1, 2, 3, 4, 100]),
        (RST, [1]),
        (FIN | ACK, [1]),
    ],
    ids=["SYN", "SYN-ACK", "other", "RST", "FIN"],
)
def test_what_is_kept_of_a_hundred(flags: int, kept: list[int]) -> None:
    one = segment(CLIENT_TO_SERVER, 1, 1, flags)
    found = select([(number, number, one) for number in range(1, 101)]).rows
    assert found["frame"].tolist() == kept
    assert int(found["folded"].sum()) == 100 - len(kept)


def test_icmp_errors_stay_one_by_what_they_say() -> None:
    """One for each reporter, code and number quoted; the rest is counted."""
    ends = (*HOSTS[0], *HOSTS[1])
    errors = [
        IcmpError(reporter, ends[0], ends[2], ends[1], ends[3], number, 4, 3, code, 64, 1, -1, "")
        for reporter in (b"\xcb\x00\x71\x01", b"\xcb\x00\x71\x02")
        for number in (0, 7)
        for code in (1, 3)
        for _ in range(5)
    ]
    found = select([(number, number, one) for number, one in enumerate(errors, start=1)]).rows
    assert found["frame"].tolist() == [1, 6, 11, 16, 21, 26, 31, 36]
    assert found["folded"].tolist() == [4] * 8


def test_a_long_connection_keeps_few_rows() -> None:
    """SYN, SYN-ACK and a thousand segments each way: four of a side after each, and the last."""
    opening = [
        segment(CLIENT_TO_SERVER, 0, 0, SYN),
        segment(CLIENT_TO_SERVER[::-1], 0, 1, SYN | ACK),
    ]
    rest = [
        one
        for octet in range(1, 1001)
        for one in (
            segment(CLIENT_TO_SERVER, octet, 1, ACK, 1),
            segment(CLIENT_TO_SERVER[::-1], 1, octet + 1, ACK),
        )
    ]
    found = select([(number, number, one) for number, one in enumerate(opening + rest, start=1)]).rows.records()
    assert found["frame"].tolist() == [*range(1, 11), 2001, 2002]
    fourth = found[found["frame"] == 9][0]
    assert (fourth["folded"], fourth["folded_octets"], fourth["folded_end"]) == (995, 995, 995)
    fourth = found[found["frame"] == 10][0]
    assert (fourth["folded"], fourth["folded_octets"], fourth["folded_ack"]) == (995, 0, 995)
