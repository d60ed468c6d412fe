"""What does not matter does not change a verdict: other addresses, numbers, times, wrappings and containers."""

from __future__ import annotations

import bisect
import bz2
import gzip
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Final

import lz4.frame
import pytest

from pcapcheck.capture.frame import Frame
from tests.capture.build_captures import pcap_file
from tests.metamorphic.changes import in_gre, in_vxlan, later, pcapng, renumbered, shifted_numbers, tagged
from tests.metamorphic.verdicts import (
    CAPTURES,
    Captured,
    facts_of,
    frames_of,
    segments_of,
    verdict_of,
    verdict_of_segments,
)

ENDPOINTS: Final = ("client_address", "client_port", "server_address", "server_port")
NUMBERS: Final = ("client_isn", "server_isn", "synack_ack", "ack_seq", "ack_ack")
FRAMES: Final = ("syn_frame", "synack_frame", "ack_frame", "first_frame", "last_frame")
TIMES: Final = ("start_time", "last_time")
EACH: Final = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
SAMPLES: Final = [path for path in CAPTURES if path.parent.name == "sample_captures"]
ETHERNET: Final = [path for path in CAPTURES if {frame.link_type for frame in frames_of(path)} == {1}]


# What an IPv4 datagram around it can hold.
FITTING: Final = [path for path in ETHERNET if max(frame.original_length for frame in frames_of(path)) < 65_000]


@EACH
def test_the_segments_alone_give_what_the_file_gives(path: Path) -> None:
    assert verdict_of_segments(segments_of(path), facts_of(path)) == verdict_of(path)


@EACH
def test_other_addresses_and_ports(path: Path) -> None:
    changed = verdict_of_segments(renumbered(segments_of(path), Random(path.name)), facts_of(path))
    original = verdict_of(path)
    assert changed.without(columns=ENDPOINTS) == original.without(columns=ENDPOINTS)


@EACH
@pytest.mark.parametrize("seed", range(2))
def test_other_initial_sequence_numbers(path: Path, seed: int) -> None:
    """Of each direction another: but for how ISNs are chosen, which is what IS01 and IS02 judge."""
    changed = verdict_of_segments(shifted_numbers(segments_of(path), Random(f"{path.name} {seed}")), facts_of(path))
    parts = {"columns": NUMBERS, "rules": ("IS",)}
    assert changed.without(**parts) == verdict_of(path).without(**parts)


@EACH
@pytest.mark.parametrize("offset", [1 << 31, (1 << 32) - 1])
def test_all_sequence_numbers_shifted_by_the_same(path: Path, offset: int) -> None:
    changed = verdict_of_segments(shifted_numbers(segments_of(path), Random(0), offset), facts_of(path))
    assert changed.without(columns=NUMBERS) == verdict_of(path).without(columns=NUMBERS)


@EACH
def test_another_time(path: Path, tmp_path: Path) -> None:
    frames = frames_of(path)
    seconds = -1_000_000_000 if number_of(path) % 2 else 86_400 * 365 * 50
    copy, original = tmp_path / "later.pcap", tmp_path / "original.pcap"
    copy.write_bytes(pcap_file(later(frames, seconds * 10**9), "pcap-ns", link_type=frames[0].link_type))
    original.write_bytes(pcap_file(frames, "pcap-ns", link_type=frames[0].link_type))
    changed = verdict_of(copy)
    for row in changed.handshakes:
        row |= {name: row[name] - seconds * 10**9 for name in TIMES if row[name] is not None}
    assert changed == verdict_of(original)


@pytest.mark.parametrize("path", ETHERNET, ids=lambda path: path.stem)
@pytest.mark.parametrize("tags", [[(0x8100, 7)], [(0x88A8, 5), *[(0x8100, 9)] * 4]], ids=["one", "five"])
def test_behind_vlan_tags(path: Path, tags: list[tuple[int, int]], tmp_path: Path) -> None:
    wrapped, original = tmp_path / "wrapped.pcap", tmp_path / "original.pcap"
    wrapped.write_bytes(pcap_file(tagged(frames_of(path), tags), "pcap-ns"))
    original.write_bytes(pcap_file(frames_of(path), "pcap-ns"))
    parts = {"columns": ["vlan"]}
    assert verdict_of(wrapped).without(**parts) == verdict_of(original).without(**parts)


@pytest.mark.parametrize("path", FITTING, ids=lambda path: path.stem)
@pytest.mark.parametrize("wrap", [in_gre, in_vxlan])
def test_inside_a_tunnel(path: Path, wrap: Callable[[Sequence[Frame]], list[Frame]], tmp_path: Path) -> None:
    wrapped, original = tmp_path / "wrapped.pcap", tmp_path / "original.pcap"
    wrapped.write_bytes(pcap_file(wrap(frames_of(path)), "pcap-ns"))
    original.write_bytes(pcap_file(frames_of(path), "pcap-ns"))
    parts = {"columns": ["tunnel"]}
    assert verdict_of(wrapped).without(**parts) == verdict_of(original).without(**parts)


@EACH
def test_as_pcapng(path: Path, tmp_path: Path) -> None:
    frames = frames_of(path)
    order, sections = (("<", 3), (">", 1))[number_of(path) % 2]
    original, copy = tmp_path / "original.pcap", tmp_path / "copy.pcapng"
    original.write_bytes(pcap_file(frames, "pcap-ns", link_type=frames[0].link_type))
    copy.write_bytes(pcapng(frames, order, sections=sections))
    assert verdict_of(copy) == verdict_of(original)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_compressed(path: Path, tmp_path: Path) -> None:
    original = verdict_of(path)
    compress: tuple[Callable[[bytes], bytes], ...] = (gzip.compress, bz2.compress, lzma.compress, lz4.frame.compress)
    for one in compress:
        copy = tmp_path / path.name
        copy.write_bytes(one(path.read_bytes()))
        assert verdict_of(copy) == original


@EACH
def test_among_the_traffic_of_others(path: Path) -> None:
    """Handshakes are the same, also where another capture's segments stand between theirs."""
    original, facts = segments_of(path), facts_of(path)
    others = renumbered(segments_of(SAMPLES[number_of(path) % len(SAMPLES)]), Random(path.name))
    mixed, own_number = interleaved(original, others, Random(path.name))
    changed = {row["first_frame"]: row for row in verdict_of_segments(mixed, facts).handshakes}
    for row in verdict_of_segments(original, facts).handshakes:
        for name in FRAMES:
            row[name] = own_number.get(row[name])
        assert changed[row["first_frame"]] == row


def number_of(path: Path) -> int:
    """The same for a capture in every run, to vary what is done with each."""
    return sum(path.name.encode())


def interleaved(own: Captured, others: Captured, random: Random) -> tuple[Captured, dict[int | None, int]]:
    """Both in one capture, the others at times of the own ones; and the new number of each old frame."""
    if not own:
        return [], {}
    places = sorted(random.choices(range(len(own)), k=len(others)))
    mixed = [(at, 1, own[at][1], one) for at, (_, _, one) in zip(places, others, strict=True)]
    mixed += [(at, 0, time, one) for at, (_, time, one) in enumerate(own)]
    mixed.sort(key=lambda each: each[:2])
    numbers = {number: number + bisect.bisect_left(places, at) for at, (number, _, _) in enumerate(own)}
    captured: Captured = []
    for at, foreign, time, one in mixed:
        number = numbers[own[at][0]] if not foreign else captured[-1][0] + 1
        captured.append((number, time, one))
    return captured, dict(numbers)
