"""What ``info`` says of a capture: what the file says of itself, what was counted, what could not be decoded."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from io import StringIO
from pathlib import Path
from typing import Final

import pytest

from pcapcheck.capture.frame import NO_TIME, Clock, Damage
from pcapcheck.capture.interface import Interface, Section
from pcapcheck.contents import Contents, info
from pcapcheck.report.contents import write_json, write_text
from tests.capture.build_captures import (
    RAW,
    block,
    enhanced,
    interface,
    obsolete,
    options,
    pcap_header,
    pcap_record,
    section,
    simple,
)

TESTS: Final = Path(__file__).parent
CAPTURES: Final = sorted(
    path for folder in (TESTS / "lab", TESTS.parent / "sample_captures") for path in folder.glob("*.pcap*")
)


def ended(*pairs: tuple[int, bytes], order: str = "<") -> bytes:
    return options(*pairs, (0, b""), order=order)


def counter(value: int) -> bytes:
    return struct.pack("<Q", value)


def moment(value: int) -> bytes:
    return struct.pack("<II", value >> 32, value & 0xFFFFFFFF)


HEADER: Final = block(
    0x0A0D0D0A,
    struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    + ended((4, b"Dumpcap 4.0"), (3, b"Linux"), (2, b"Intel"), (1, b"of the section")),
)
ETH0: Final = block(
    1,
    struct.pack("<HHI", 1, 0, 262_144)
    + ended(
        (2, b"eth0"),
        (3, b"uplink"),
        (9, b"\x09"),
        (11, b"\0tcp port 80"),
        (12, b"Linux 6.1"),
        (14, struct.pack("<q", 3600)),
        (15, b"Intel X710"),
        (1, b"of the interface"),
    ),
)
STATISTICS: Final = block(
    5,
    struct.pack("<III", 0, 0, 0)
    + ended(
        (2, moment(1)), (3, moment(9)), (4, counter(100)), (5, counter(2)), (6, counter(90)), (7, counter(1)),
        (8, counter(88)), (1, b"of the statistics"),
    ),
)  # fmt: skip
COMMENTED: Final = block(
    6, struct.pack("<IIIII", 0, 0, 5, 5, 60) + b"abcde\0\0\0" + ended((1, b"first"), (2, bytes(4)), (1, b"second"))
)


def contents_of(octets: bytes, folder: Path) -> Contents:
    path = folder / "x"
    path.write_bytes(octets)
    found = info(path)
    assert found.errors == []
    return found.contents[0]


def test_everything_that_pcapng_says_of_itself(tmp_path: Path) -> None:
    one = contents_of(HEADER + ETH0 + interface(RAW) + COMMENTED + STATISTICS + enhanced(7, bytes(4), 4, 1), tmp_path)
    assert one.sections == [Section("<", "Intel", "Linux", "Dumpcap 4.0")]
    assert one.interfaces == [
        Interface(
            section=0,
            link_type=1,
            snaplen=262_144,
            clock=Clock("10^-9", 3600 * 10**9),
            name="eth0",
            description="uplink",
            filter="tcp port 80",
            os="Linux 6.1",
            hardware="Intel X710",
            frames=1,
            received=100,
            accepted=90,
            dropped=2,
            os_dropped=1,
            delivered=88,
            start_ns=3600 * 10**9 + 1,
            end_ns=3600 * 10**9 + 9,
        ),
        Interface(section=0, link_type=RAW, snaplen=0, clock=Clock("10^-6", 0), name="eth0", frames=1),
    ]
    assert one.comments == ["of the section", "of the interface", "first", "second", "of the statistics"]
    assert (one.frames, one.packets, one.octets, one.captured_octets, one.shortened) == (2, 2, 64, 9, 1)
    assert (one.dropped, one.steps_back, one.first_step_back, one.untimed) == (3, 1, 2, 0)
    assert (one.first_time, one.last_time) == (7000, 3600 * 10**9 + 5)
    assert dict(one.skipped) == {"headers cut by the snaplen": 1, "not IP": 1}
    assert one.first_skipped == {"headers cut by the snaplen": 1, "not IP": 2}


def test_sections_of_both_byte_orders_have_their_own_interfaces(tmp_path: Path) -> None:
    octets = section() + interface() + simple(b"a") + section(">") + interface(RAW, order=">") + interface(order=">")
    one = contents_of(octets + obsolete(5, b"b", 1, order=">") + block(0xBAD, bytes(4), ">"), tmp_path)
    assert one.byte_order == "mixed"
    assert [(each.section, each.link_type, each.frames) for each in one.interfaces] == [
        (0, 1, 1),
        (1, RAW, 0),
        (1, 1, 1),
    ]
    assert (one.frames, one.packets, one.untimed) == (3, 2, 1)
    assert one.first_time == one.last_time == 5000


def test_an_empty_pcap_and_a_cut_one(tmp_path: Path) -> None:
    one = contents_of(pcap_header(order=">"), tmp_path)
    assert (one.format, one.byte_order, one.frames, one.first_time, one.damage) == (
        "pcap",
        "big-endian",
        0,
        NO_TIME,
        None,
    )
    one = contents_of((pcap_header() + pcap_record(1, 0, b"abc") * 2)[:-1], tmp_path)
    assert (one.packets, one.interfaces[0].frames) == (1, 1)
    assert one.damage == Damage("CAP01", 43, 1, "3 octets of packet data", "2")


def test_many_interfaces_and_comments_are_counted_but_not_all_kept(tmp_path: Path) -> None:
    octets = section() + b"".join(interface(n % 300, tsoffset=n) for n in range(3000))
    one = contents_of(octets + COMMENTED * 1500 + enhanced(1, b"x", interface_id=2999), tmp_path)
    assert (len(one.interfaces), len(one.link_types), len(one.clocks)) == (1000, 300, 3000)
    assert (len(one.comments), one.comment_count) == (1000, 3000)
    out = StringIO()
    write_text(type("Found", (), {"contents": [one], "interrupted": False, "ignored": []})(), out)  # type: ignore[arg-type]
    assert len(out.getvalue()) < 20_000
    assert "and 950 more interfaces" in out.getvalue()
    assert "and 2990 more comments" in out.getvalue()


def test_broken_options_of_a_section_header_do_not_matter(tmp_path: Path) -> None:
    header = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options((4, b"ok")) + b"\3\0\xff\xff")
    one = contents_of(header + interface() + enhanced(1, b"x"), tmp_path)
    assert (one.sections[0].application, one.packets, one.damage) == ("ok", 1, None)


def test_what_cannot_be_read_does_not_stop_the_rest(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    found = info([tmp_path / "text", tmp_path / "missing", CAPTURES[0]])
    assert [bool(one.error) for one in found.contents] == [True, False]
    assert len(found.errors) == 2
    out = StringIO()
    write_json(found, out)
    assert out.getvalue().count('"error"') == 2


def seconds(time_ns: int) -> str:
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}" if time_ns != NO_TIME else "n/a"


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")
def test_capinfos_says_the_same_of_every_capture() -> None:
    columns = ["File name", "Number of packets", "File size (bytes)", "Data size (bytes)", "Start time", "End time"]
    # capinfos stops at the first, and of 1,001,500 microseconds it prints the digits behind the point.
    whole = [path for path in CAPTURES if path.stem not in ("truncated_file", "synth_usec_overflow")]
    command = ["capinfos", "-T", "-m", "-Q", "-c", "-s", "-d", "-a", "-e", "-S", *map(str, whole)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, *rows = [re.findall(r'"([^"]*)"', line) for line in printed.splitlines()]
    theirs = [dict(zip(head, row, strict=True)) for row in rows]
    assert set(columns) <= set(head)
    assert len(theirs) > 100
    for path, row in zip(whole, theirs, strict=True):
        (ours,) = info(path).contents
        times = [seconds(ours.first_time), seconds(ours.last_time)]
        assert [row[name] for name in columns[:4]] == [str(path), str(ours.frames), str(ours.size), str(ours.octets)]
        assert [row[name].ljust(len(times[0]), "0") for name in columns[4:]] == times
