"""A capture cut anywhere gives its whole frames, says where it was cut, and is judged as those frames alone."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
import pytest

from pcapcheck.capture.frame import Damage
from pcapcheck.errors import CaptureError
from pcapcheck.judge import judge
from pcapcheck.stretch import summarise
from pcapcheck.traffic import COLUMNS, Handshakes
from tests.failures.captures import CAPTURES, SMALL, read, starts_of_records
from tests.fuzz.seeds import generated

OFFSETS: Final = 2000
JUDGED: Final = 6  # cuts of each capture that are judged as well


def offsets_of(path: Path, octets: bytes) -> Iterable[int]:
    """Every offset behind the file header of a small capture, 2,000 of a large one."""
    every = range(24, len(octets))
    return every if len(octets) <= SMALL else sorted(Random(path.name).sample(every, OFFSETS))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_frames_of_a_cut_capture(path: Path) -> None:
    octets = path.read_bytes()
    whole, _ = read(octets)
    starts = starts_of_records(octets)
    assert len(starts) == len(whole) + 1
    for end in offsets_of(path, octets):
        frames, capture = read(octets[:end])
        complete = bisect.bisect_right(starts, end) - 1
        assert frames == whole[:complete]
        if end == starts[complete]:
            assert capture.damage is None
        else:
            damage = capture.damage
            assert damage is not None
            assert (damage.rule, damage.offset, damage.frame) == ("CAP01", starts[complete], complete)


@pytest.mark.parametrize(
    ("name", "octets"), list(generated()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_container_cut_at_every_octet(name: str, octets: bytes) -> None:
    whole, _ = read(octets)
    before, clean = 0, 0
    for end in range(4, len(octets)):
        try:
            frames, capture = read(octets[:end])
        except CaptureError:
            assert before == 0
            continue
        assert frames == whole[: len(frames)]
        assert len(frames) >= before
        before = len(frames)
        clean += capture.damage is None
        assert capture.damage is None or capture.damage.rule == "CAP01"
    # At the edges of records and blocks nothing is missing: the file header, the records, the blocks without a packet.
    edges = {"pcap": len(whole), "pcapng": 17, "snoop": len(whole), "gzip": 0, "bzip2": 0, "xz": 0}
    assert clean == edges[name.rstrip("<>").removesuffix("-ns").removesuffix("-modified")]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_verdicts_of_a_cut_capture_are_those_of_its_whole_frames(path: Path, tmp_path: Path) -> None:
    octets = path.read_bytes()
    starts = starts_of_records(octets)
    random = Random(path.name)
    for end in random.sample(range(24, len(octets)), min(JUDGED, len(octets) - 24)):
        good = starts[bisect.bisect_right(starts, end) - 1]
        cut, damage = judged(tmp_path / "x.pcap", octets[:end])
        alone, no_damage = judged(tmp_path / "x.pcap", octets[:good])
        assert no_damage is None
        assert (damage is None) == (good == end)
        assert len(cut) == len(alone)
        for name in COLUMNS:
            assert np.array_equal(getattr(cut, name), getattr(alone, name)), name
        assert (cut.hosts, cut.histories) == (alone.hosts, alone.histories)


def judged(path: Path, octets: bytes) -> tuple[Handshakes, Damage | None]:
    path.write_bytes(octets)
    summary = summarise(str(path))
    return judge(summary.openings, 0, summary.facts.end_time).handshakes, summary.facts.damage
