"""Damaged captures are judged as far as they go: traffic never raises, and a file only as CaptureError in the report.

Every capture is cut at 50 offsets and changed at 50, by a generator with the capture's name as its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import pytest

from pcapcheck.judge import judge
from pcapcheck.report.text import write_text
from pcapcheck.run import check
from pcapcheck.stretch import summarise

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted(
    path for folder in (TESTS / "lab", TESTS.parent / "sample_captures") for path in folder.glob("*.pcap*")
)
EACH: Final = 50
# All are judged, and this many of each kind also go through the rules and the report, which take ten times as long.
REPORTED: Final = 1


def cut(octets: bytes, random: Random) -> Iterator[bytes]:
    for _ in range(EACH):
        yield octets[: random.randrange(len(octets))]


def changed(octets: bytes, random: Random) -> Iterator[bytes]:
    """Each with one octet changed, or several."""
    for number in range(EACH):
        damaged = bytearray(octets)
        for _ in range(1 + number % 10):
            damaged[random.randrange(len(octets))] ^= random.randrange(1, 256)
        yield bytes(damaged)


@pytest.mark.parametrize("damage", [cut, changed])
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_traffic_never_raises(path: Path, damage: Callable[[bytes, Random], Iterator[bytes]], tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pcap"
    variants = damage(path.read_bytes(), Random(f"{damage.__name__} {path.name}"))
    for octets in islice(variants, REPORTED):
        damaged.write_bytes(octets)
        report = check(damaged)
        write_text(report, StringIO())
        assert len(report.captures) == 1
        assert len(report.findings) == len(report.all_findings)
        assert [error.path for error in report.errors] in ([], [str(damaged)])
    for octets in variants:
        damaged.write_bytes(octets)
        summary = summarise(str(damaged))
        traffic = judge(summary.openings, 0, summary.facts.end_time)
        assert len(traffic.handshakes) <= summary.facts.frames
