"""tshark finds the same TCP segments: frame numbers, endpoints, numbers, and times to the nanosecond.

mergecap puts all captures into one file, in order and unsorted, so that one tshark reads them all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Frame
from pcapcheck.decode.segment import Segment
from pcapcheck.decode.through_dpkt import decode

TESTS: Final = Path(__file__).parent
ROOT: Final = TESTS.parent
CAPTURES: Final = sorted(
    path for folder in (TESTS / "lab", ROOT / "sample_captures") for path in folder.glob("*.pcap*")
)
# mergecap stops at the cut, so tshark reads these by themselves.
CUT: Final = {"truncated_file"}

# Every difference that is allowed, by capture; docs/compared-with-tshark.md lists the same with the reasons.
# tshark shows the ports, and no numbers.
NUMBERS_ONLY_HERE: Final = {"snaplen_48"}

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and not os.environ.get("CI"),
    reason="tshark is not installed (apt-get install tshark)",
)


class Found(NamedTuple):
    """A TCP segment of a frame, as both tools can name it."""

    frame: int
    time_ns: int
    source: str
    destination: str
    numbers: tuple[int, ...]  # seq, ack, flags, payload length; none where tshark gives none


@cache
def frames_of(path: Path) -> list[Frame]:
    with open_capture(str(path)) as capture:
        return list(capture)


def ours(path: Path) -> list[Found]:
    return [
        Found(
            frame.number,
            frame.time_ns,
            f"{ip_address(found.src)} {found.src_port}",
            f"{ip_address(found.dst)} {found.dst_port}",
            (found.seq, found.ack, found.tcp_flags, found.payload_length),
        )
        for frame in frames_of(path)
        if isinstance(found := decode(frame.link_type, frame.data, frame.original_length), Segment)
    ]


def tshark(path: Path) -> list[Found]:
    """TCP that is not quoted in ICMP, fragments not put together."""
    ends = ["ip.src", "ipv6.src", "tcp.srcport", "ip.dst", "ipv6.dst", "tcp.dstport"]
    fields = ["frame.number", "frame.time_epoch", *ends, "tcp.seq_raw", "tcp.ack_raw", "tcp.flags", "tcp.len"]
    run = subprocess.run(
        [
            *("tshark", "-n", "-r", path, "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"),
            *("-Y", "tcp && !icmp && !icmpv6", "-T", "fields"),
            *("-E", "occurrence=l"),  # of addresses in a tunnel the innermost
            *(word for field in fields for word in ("-e", field)),
        ],
        capture_output=True,
        text=True,
        check=path.stem not in CUT,  # 2: the file is cut short
    )
    found = []
    for line in run.stdout.splitlines():
        number, time, *rest = line.split("\t")
        seconds, _, fraction = time.partition(".")
        assert len(fraction) == 9
        source, destination = (f"{v4 or v6} {port}" for v4, v6, port in (rest[:3], rest[3:6]))
        numbers = tuple(int(word, 0) for word in rest[6:] if word)
        found.append(Found(int(number), int(seconds) * 10**9 + int(fraction), source, destination, numbers))
    return found


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[Found]]:
    """Of each capture what tshark finds, under the frame numbers of that capture."""
    merged = tmp_path_factory.mktemp("merged") / "all.pcapng"
    whole = [path for path in CAPTURES if path.stem not in CUT and frames_of(path)]
    subprocess.run(["mergecap", "-a", "-w", merged, *whole], check=True, capture_output=True)
    found = tshark(merged)
    split, start = {path: tshark(path) for path in CAPTURES if path.stem in CUT}, 0
    for path in whole:
        end = start + len(frames_of(path))
        split[path] = [one._replace(frame=one.frame - start) for one in found if start < one.frame <= end]
        start = end
    assert sum(map(len, split.values())) >= len(found)
    return split


@needs_tshark
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_same_segments(path: Path, theirs: dict[Path, list[Found]]) -> None:
    mine, other = ours(path), theirs.get(path, [])
    if path.stem in NUMBERS_ONLY_HERE:
        assert not any(one.numbers for one in other)
        mine = [one._replace(numbers=()) for one in mine]
    assert mine == other


@needs_tshark
def test_same_count_per_4_tuple(theirs: dict[Path, list[Found]]) -> None:
    for path in CAPTURES:
        mine, other = (
            Counter(frozenset((one.source, one.destination)) for one in found)
            for found in (ours(path), theirs.get(path, []))
        )
        assert mine == other


def test_each_difference_is_documented() -> None:
    page = (ROOT / "docs" / "compared-with-tshark.md").read_text(encoding="utf-8")
    listed = {name for cell in re.findall(r"^\| (`.+?`) \|", page, re.M) for name in re.findall(r"`(.+?)`", cell)}
    assert listed == NUMBERS_ONLY_HERE
