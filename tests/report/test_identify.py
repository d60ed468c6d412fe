"""Community IDs against the published baseline, display filters, addresses, escapes."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.report.community_id import community_id
from pcapcheck.report.escape import escaped
from pcapcheck.report.identify import endpoint
from pcapcheck.testing import parse_exchange

SAMPLES = Path(__file__).resolve().parent.parent.parent / "sample_captures"


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


@pytest.mark.parametrize(
    ("source", "source_port", "destination", "destination_port", "expected"),
    [
        ("128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        ("10.0.0.1", 10, "10.0.0.1", 11, None),
        ("2001:db8::1", 1000, "2001:db8::2", 80, None),
    ],
)
def test_community_id(
    source: str, source_port: int, destination: str, destination_port: int, expected: str | None
) -> None:
    there = community_id(packed(source), source_port, packed(destination), destination_port)
    back = community_id(packed(destination), destination_port, packed(source), source_port)
    assert there == back
    if expected:
        assert there == expected


def tshark(*arguments: str) -> list[str]:
    done = subprocess.run(["tshark", "-n", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", ["handshakes", "ipv6"])
def test_wireshark_agrees(name: str) -> None:
    """Each filter shows frames of its own handshake only, all of them; and both compute the same Community IDs."""
    path = str(SAMPLES / f"{name}.pcap")
    found = pcapcheck.check(path)
    ids = dict(
        line.split("\t")
        for line in tshark(
            "-r", path, "--enable-protocol", "communityid", "-Tfields", "-eframe.number", "-ecommunityid"
        )
    )
    shown: list[int] = []
    for row in found.handshakes.itertuples():
        frames = [int(line) for line in tshark("-r", path, "-Y", row.wireshark_filter, "-Tfields", "-eframe.number")]
        assert frames
        assert frames[0] == row.syn_frame
        assert ids[str(row.syn_frame)] == row.community_id
        shown += frames
    assert sorted(shown) == list(range(1, found.capture_facts[0].frames + 1))


def test_endpoint() -> None:
    assert endpoint(packed("192.0.2.1"), 80) == "192.0.2.1:80"
    assert endpoint(packed("2001:db8::1"), 80) == "[2001:db8::1]:80"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain.pcap", "plain.pcap"),
        ("Mitschnitt für Łódź 日本.pcap", "Mitschnitt für Łódź 日本.pcap"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\tc\r\x00\x7f", "a\\nb\\tc\\r\\x00\\x7f"),
        ("\x85\x9b31m", "\\x85\\x9b31m"),
        ("\u202egpj\u2066\u200f", "\\u202egpj\\u2066\\u200f"),
        ("\u2028\u200b\ufeff", "\\u2028\\u200b\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_escaped(text: str, expected: str) -> None:
    assert escaped(text) == expected
    assert escaped(text).isprintable()


def test_filters_of_one_flow_used_twice(tmp_path: Path) -> None:
    """Bounds only where another attempt of the 4-tuple comes before or after; a folded RST stays with its own."""
    parse_exchange("""
        +0   > S 0 win 1
        +.1  < S. 0 ack 9 win 1
        +0   > R 9
        +0   > R 9
        +200 > S 100000 win 1
        +.1  < S. 100000 ack 100001 win 1
    """).write_pcap(tmp_path / "x.pcap")
    shown = pcapcheck.check(tmp_path / "x.pcap", select=["HS02"]).handshakes["wireshark_filter"].tolist()
    flow = "ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2 && tcp.port == 49152 && tcp.port == 80"
    assert shown == [f"{flow} && frame.number <= 4", f"{flow} && frame.number >= 5"]
