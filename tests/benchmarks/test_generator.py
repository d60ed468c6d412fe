"""Generated captures: the same octets everywhere, right headers, and judged as they were meant."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from generate import generate
from generator.files import FORMATS
from generator.kinds import KINDS
from generator.truth import Truth

import pcapcheck
from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Frame

# Of 2000 packets, or so. They change with the generator: then set the new ones.
DIGESTS: Final = {
    "mix": "453e783a1535437a",
    "short": "8a9b07213872b2ab",
    "synflood": "12581314024924b8",
    "snap96": "22ad0037d360ee65",
    "flood50m": "12581314024924b8",
    "adversary-reuse": "57de8c64400acb59",
    "adversary-syn": "ec206c1e703c251f",
    "adversary-flow": "3183aa749492a6df",
    "adversary-collide": "75a81f8f08e06526",
}
# Large enough for refused and unanswered connections where the kind has them.
PACKETS: Final = {"mix": 12_000, "snap96": 12_000, "synflood": 12_000, "short": 4000}
ORDINARY: Final = [kind for kind in KINDS if not kind.startswith("adversary")]
FLOODED_PORT: Final = 80
IPV4: Final = b"\x08\x00"

needs_tshark = pytest.mark.skipif(
    shutil.which("tshark") is None and not os.environ.get("CI"),
    reason="tshark is not installed (apt-get install tshark)",
)


def capture(kind: str, packets: float, form: str = "pcap") -> tuple[bytes, Truth]:
    output = io.BytesIO()
    truth = generate(kind, packets, 1, form, None, output)
    return output.getvalue(), truth


def frames_of(octets: bytes) -> list[Frame]:
    with open_capture("-", io.BytesIO(octets)) as opened:
        return list(opened)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_octets_everywhere(kind: str) -> None:
    octets, _ = capture(kind, 2000)
    assert hashlib.sha256(octets).hexdigest()[:16] == DIGESTS[kind]


def test_another_seed_gives_other_traffic() -> None:
    one, other = io.BytesIO(), io.BytesIO()
    generate("mix", 500, 1, "pcap", None, one)
    generate("mix", 500, 2, "pcap", None, other)
    assert one.getvalue() != other.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_judged_as_meant(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.pcap"
    octets, truth = capture(kind, PACKETS.get(kind, 2000))
    path.write_bytes(octets)
    report = pcapcheck.check(str(path))
    assert report.ok, report.all_findings.count("error")
    assert report.outcomes() == truth.outcomes
    handshakes = report.handshakes
    failed = handshakes[(handshakes["outcome"] != "established") & (handshakes["server_port"] != FLOODED_PORT)]
    columns = (failed[name].tolist() for name in ("outcome", "client_port", "server_port"))
    if kind in ORDINARY:
        assert Counter(zip(*columns, strict=True)) == Counter(map(tuple, truth.failed))
        assert {"refused", "unanswered"} & truth.outcomes.keys()


@pytest.mark.parametrize("kind", ORDINARY)
def test_in_order(kind: str) -> None:
    octets, truth = capture(kind, 3000)
    times = [frame.time_ns for frame in frames_of(octets)]
    assert len(times) == truth.packets
    assert times == sorted(times)
    assert (times[0], times[-1]) == (truth.first_time // 1000 * 1000, truth.last_time // 1000 * 1000)


@pytest.mark.parametrize(("kind", "least"), [("mix", 10), ("short", 50)])
def test_connections_are_under_way_at_once(kind: str, least: int) -> None:
    frames = [frame.data for frame in frames_of(capture(kind, 3000)[0]) if frame.data[12:14] == IPV4]
    directions = [data[26:38] for data in frames]
    last = {direction: number for number, direction in enumerate(directions)}
    first = {direction: len(frames) - 1 - number for number, direction in enumerate(reversed(directions))}
    assert sum(last[one] - first[one] for one in last) / len(frames) > least


def test_cut_to_the_snaplen() -> None:
    whole, cut = (frames_of(capture(kind, 2000)[0]) for kind in ("mix", "snap96"))
    assert [frame.data for frame in cut] == [frame.data[:96] for frame in whole]
    assert [frame.original_length for frame in cut] == [len(frame.data) for frame in whole]


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "pcap"])
def test_the_same_frames_in_every_format(form: str) -> None:
    expected = frames_of(capture("short", 1000)[0])
    frames = frames_of(capture("short", 1000, form)[0])
    unit = 1000 if form == "pcap-be" else 1
    assert [frame.data for frame in frames] == [frame.data for frame in expected]
    assert [frame.time_ns // 1000 for frame in frames] == [frame.time_ns // 1000 for frame in expected]
    assert all(frame.time_ns % unit == 0 for frame in frames)


@needs_tshark
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flood50m"])
def test_tshark_finds_nothing_wrong(kind: str, tmp_path: Path) -> None:
    """All headers whole, all checksums right, no segment unseen and no window overrun."""
    path = tmp_path / "capture.pcap"
    octets, truth = capture(kind, 8000)
    path.write_bytes(octets)
    checks = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    wrong = [
        "_ws.malformed", "ip.checksum.status == 0", "tcp.checksum.status == 0", "udp.checksum.status == 0",
        "tcp.analysis.lost_segment", "tcp.analysis.ack_lost_segment", "tcp.analysis.out_of_order",
        "tcp.analysis.window_full", "tcp.analysis.spurious_retransmission",
    ]  # fmt: skip

    def shown(expression: str) -> list[str]:
        command = ["tshark", "-r", str(path), *checks, "-Y", expression, "-T", "fields", "-e", "frame.number"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    assert shown(" || ".join(wrong)) == []
    assert len(shown("tcp")) == truth.tcp_segments
