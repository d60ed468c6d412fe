"""Where a frame begins in its file, in every container."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest

from pcapcheck.capture import open_capture
from pcapcheck.capture.frame import Frame
from pcapcheck.report.frame_places import FramePlace, frame_places
from pcapcheck.stretch import CaptureFacts, summarise
from tests.capture.build_captures import enhanced, interface, obsolete, pcap_file, section, simple
from tests.capture.test_snoop import record

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "sample_captures").glob("*.pcap"))


def check(path: Path, octets: bytes) -> int:
    count = 0
    with open_capture(str(path)) as capture:
        for frame in capture:
            assert octets[capture.frame_offset :][: len(frame.data)] == frame.data
            count += 1
    return count


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_pcap(path: Path) -> None:
    assert check(path, path.read_bytes()) > 0


def test_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    data = [bytes([number % 251]) * (1000 + number % 500) for number in range(900)]
    frames = [Frame(number, number * 1000, 1, len(octets), octets) for number, octets in enumerate(data, start=1)]
    blocks = (
        enhanced(at, one) if at % 3 else simple(one) if at % 2 else obsolete(at, one) for at, one in enumerate(data)
    )
    ng = section() + interface() + b"".join(blocks)
    snoop = b"snoop\0\0\0" + struct.pack(">II", 2, 4) + b"".join(record(1, 1, one) for one in data)
    for name, octets in (
        ("a.pcap", pcap_file(frames)),
        ("b.pcap", pcap_file(frames, "pcap-modified", ">")),
        ("c", ng),
        ("d", snoop),
    ):
        path = tmp_path / name
        path.write_bytes(octets)
        assert len(octets) > 1 << 20
        assert check(path, octets) == 900


def test_places(tmp_path: Path) -> None:
    path = SAMPLES[0]
    facts = summarise(str(path)).facts
    # A file header of 24 octets, a record header of 16.
    with open_capture(str(path)) as capture:
        lengths = [len(frame.data) for frame in capture]
    assert frame_places(facts, {1, 2}) == {
        1: FramePlace(40, lengths[0]),
        2: FramePlace(40 + lengths[0] + 16, lengths[1]),
    }
    assert frame_places(facts, {10**9}) == {}
    assert frame_places(facts, set()) == {}


def test_no_places_where_they_say_nothing(tmp_path: Path) -> None:
    squeezed = tmp_path / "a.pcap.gz"
    squeezed.write_bytes(gzip.compress(SAMPLES[0].read_bytes()))
    assert frame_places(summarise(str(squeezed)).facts, {1}) == {}
    assert frame_places(CaptureFacts("-"), {1}) == {}
    assert frame_places(CaptureFacts(str(tmp_path / "gone.pcap")), {1}) == {}
