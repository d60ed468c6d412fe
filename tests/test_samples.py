"""The sample captures: made from their exchanges, small, listed, and showing what the README says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.decode.segment import Skip
from pcapcheck.decode.through_dpkt import decode
from pcapcheck.testing import parse_exchange

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "sample_captures"
CAPTURES = sorted(SAMPLES.glob("*.pcap"))
EXCHANGES = sorted(SAMPLES.glob("*.exchange"))
# name -> outcomes with their counts
LISTED = {
    name: Counter({outcome: int(count) for count, outcome in re.findall(r"(\d+) ([a-z-]+)", outcomes)})
    for name, outcomes in re.findall(r"^\| `(.+?)` \|.*\| (.+) \|$", (SAMPLES / "README.md").read_text(), re.M)
}


def test_there_are_samples() -> None:
    assert len(EXCHANGES) >= 18
    assert {path.stem for path in CAPTURES if not path.stem.startswith("real_")} == {path.stem for path in EXCHANGES}


def test_captures_are_those_of_their_exchanges() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "make_samples.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")


def test_each_capture_is_listed() -> None:
    assert set(LISTED) == {path.name for path in CAPTURES}
    assert all(LISTED.values())


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_captures_are_small(path: Path) -> None:
    assert path.stat().st_size < 300_000


@pytest.mark.parametrize("path", EXCHANGES, ids=lambda path: path.stem)
def test_exchanges_are_described_and_decoded(path: Path) -> None:
    exchange = parse_exchange(path.read_text(encoding="utf-8"))
    assert exchange.description
    found = [(frame, decode(frame.link_type, frame.data, frame.original_length)) for frame in exchange.frames()]
    assert [
        (frame.number, frame.time_ns, content) for frame, content in found if not isinstance(content, Skip)
    ] == exchange.segments()


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_outcomes(path: Path) -> None:
    assert pcapcheck.check([str(path)]).outcomes() == LISTED[path.name]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_wireshark_finds_nothing_malformed(path: Path) -> None:
    wrong = "tcp.checksum.status==0 || ip.checksum.status==0 || icmp.checksum.status==0 || icmpv6.checksum.status==0"
    # A frame cut by the snaplen on purpose is "short", which tells nothing of how it was made.
    wrong = f"({wrong} || _ws.malformed) && frame.cap_len == frame.len"
    found = subprocess.run(
        ["tshark", "-n", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-r", path, "-Y", wrong],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == ""
