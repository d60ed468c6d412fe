"""Files of one capture: cut anywhere, they give what the whole gives, each frame with its file and its number there."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcapcheck
from pcapcheck.arguments import window as parse_window
from pcapcheck.cli import main
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.testing import parse_exchange
from tests.decode.frames import RAW
from tests.decode.test_fragments import SYN_HEADER, pieces4
from tests.sequences import found
from tests.variants import SECOND, Record, read, write

TESTS: Final = Path(__file__).parent
SAMPLES: Final = TESTS.parent / "sample_captures"
CAPTURES: Final = sorted([*TESTS.glob("lab/*.pcap"), *SAMPLES.glob("*.pcap*")])

needs_editcap, needs_tshark = (
    pytest.mark.skipif(
        shutil.which(tool) is None and not os.environ.get("CI"),
        reason=f"{tool} is not installed (apt-get install tshark)",
    )
    for tool in ("editcap", "tshark")
)


def cut(records: Sequence[Record], cuts: Sequence[int], folder: Path) -> list[Path]:
    """The records in files that are named as by ``tcpdump -C``."""
    edges = [0, *sorted(cuts), len(records)]
    paths = [folder / f"x.pcap{number or ''}" for number in range(len(edges) - 1)]
    for path, (start, end) in zip(paths, pairwise(edges), strict=True):
        write(path, records[start:end])
    return paths


@needs_editcap
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_what_editcap_cuts_is_one_capture(path: Path, tmp_path: Path) -> None:
    whole = pcapcheck.check(path)
    size = max(1, whole.capture_facts[0].frames // 3)
    subprocess.run(["editcap", "-c", str(size), path, tmp_path / "x.pcap"], capture_output=True, check=False)
    parts = pcapcheck.check(tmp_path, sequence=True)
    assert len(parts.capture_facts[0].files) >= min(3, whole.capture_facts[0].frames)
    wanted = [row for row in found(whole) if row.get("rule") not in ("CAP01", "CAP10")]  # of the file, not the frames
    assert [row for row in found(parts) if row.get("rule") != "CAP10"] == wanted


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_any_cut_of_a_capture(path: Path, tmp_path: Path) -> None:
    """Once everything, with the facts; empty files among them."""
    records, random = read(path), Random(path.stem)
    write(tmp_path / "whole.pcap", records)
    whole = pcapcheck.check(tmp_path / "whole.pcap")
    cuts = random.choices(range(len(records) + 1), k=random.randint(1, 5))
    parts = pcapcheck.check(cut(records, cuts, tmp_path), sequence=True)
    assert found(parts) == found(whole)
    (facts,) = parts.capture_facts
    (expected,) = whole.capture_facts
    assert (
        replace(facts, path=expected.path, link_types=expected.link_types, parts=(), numbering=None, joined="")
        == expected
    )


@settings(max_examples=60)
@given(st.sampled_from(CAPTURES), st.data())
def test_any_cut_into_any_number_of_files(path: Path, data: st.DataObject) -> None:
    """Also one frame a file, also given in any order."""
    records = read(path)
    cuts = data.draw(st.lists(st.integers(0, len(records)), max_size=8), label="cuts")
    if data.draw(st.booleans(), label="one frame a file"):
        cuts = list(range(min(len(records), 30)))
    with TemporaryDirectory() as folder:
        write(Path(folder, "whole.pcap"), records)
        whole = pcapcheck.check(Path(folder, "whole.pcap"))
        paths = data.draw(st.permutations(cut(records, cuts, Path(folder))), label="order")
        assert found(pcapcheck.check(paths, sequence=True)) == found(whole)


HANDSHAKE: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460,sackOK>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1400,sackOK>
    +0   > .  1:1(0) ack 1
    +0   > P. 1:101(100) ack 1
    +.02 < .  1:1(0) ack 101
"""


def records_of(text: str) -> list[Record]:
    return [Record(one.time_ns, one.original_length, one.data, 1) for one in parse_exchange(text).frames()]


def rows(report: pcapcheck.Report) -> list[dict[str, Any]]:
    names = ["capture", "outcome", "syn_frame", "syn_file", "synack_frame", "synack_file", "ack_frame", "ack_file"]
    return [{name: row[name] for name in names} for row in handshake_dicts(report)]


def test_one_handshake_over_three_files(tmp_path: Path) -> None:
    paths = cut(records_of(HANDSHAKE), [1, 2], tmp_path)
    x, x1, x2 = map(str, paths)
    assert rows(pcapcheck.check(tmp_path)) == [
        {
            "capture": x, "outcome": "established",
            "syn_frame": 1, "syn_file": x, "synack_frame": 1, "synack_file": x1, "ack_frame": 1, "ack_file": x2,
        }
    ]  # fmt: skip


def test_each_by_itself_blames_nobody(tmp_path: Path) -> None:
    for size in range(1, 5):
        report = pcapcheck.check(cut(records_of(HANDSHAKE), [size], tmp_path), sequence=False)
        assert len(report.captures) == 2
        assert set(report.outcomes()) <= {"pending", "partial", "midstream", "established"}
        assert report.worst() in (None, "note", "info")


# A scan is one finding as a whole; what the other file alone shows: an older SYN, or that one direction is missing.
EDGES: Final = {"null_scan", "xmas_scan", "syn_scan_range", "old_duplicate_syn", "old_syn_first", "one_sided"}


@pytest.mark.parametrize("path", [path for path in CAPTURES if path.stem not in EDGES], ids=lambda path: path.stem)
def test_where_a_file_ends_no_host_is_to_blame(path: Path, tmp_path: Path) -> None:
    records, random = read(path), Random(path.stem)
    write(tmp_path / "whole.pcap", records)
    paths = cut(records, random.choices(range(len(records) + 1), k=3), tmp_path)
    assert blamed(pcapcheck.check(paths, sequence=False)) <= blamed(pcapcheck.check(tmp_path / "whole.pcap"))


def blamed(report: pcapcheck.Report) -> set[object]:
    """Which rules find an error or a warning on which flow."""
    return {
        (finding["rule"], frozenset([(row["client_ip"], row["client_port"]), (row["server_ip"], row["server_port"])]))
        for row in handshake_dicts(report)
        for finding in row["findings"]
        if finding["severity"] in ("error", "warning")
    }


def test_damage_in_the_middle_is_told_with_its_file(tmp_path: Path) -> None:
    x, x1, x2 = cut(records_of(HANDSHAKE), [2, 4], tmp_path)
    x1.write_bytes(x1.read_bytes()[:-10])  # the frame with data
    report = pcapcheck.check([x, x1, x2], sequence=True)
    (finding,) = report.findings[report.findings.rule == "CAP01"].to_dict("records")
    assert (finding["frames"], finding["files"]) == ([1], [str(x1)])
    assert finding["message"].endswith(f"after frame 1 of {x1})")
    assert rows(report)[0]["ack_file"] == str(x1)
    assert f"{x1} is cut after frame 1, at byte 94: " in report.summary()


def test_a_file_that_cannot_be_read_stands_by_itself(tmp_path: Path) -> None:
    x, x1, x2 = cut(records_of(HANDSHAKE), [2, 4], tmp_path)
    x1.write_bytes(b"no capture")
    report = pcapcheck.check([x, x1, x2], sequence=True)
    assert [error.path for error in report.errors] == [str(x1)]
    assert [[file.path for file in facts.files] for facts in report.capture_facts] == [[str(x), str(x2)], [str(x1)]]


def test_offsets_count_from_the_start_of_the_first_file(tmp_path: Path) -> None:
    """The ACK comes 20 ms after the SYN, at the start of its own file."""
    paths = cut(records_of(HANDSHAKE), [1, 2], tmp_path)
    later = parse_window(since="+15ms")
    (row,) = rows(pcapcheck.check(paths, window=later))
    assert (row["syn_file"], row["synack_file"], row["ack_file"]) == (None, str(paths[1]), str(paths[2]))
    assert len(rows(pcapcheck.check(paths, window=later, sequence=False))) == 1  # the last file alone has so much


def test_offsets_count_from_a_file_that_turns_out_to_stand_by_itself(tmp_path: Path) -> None:
    first, then = records_of(HANDSHAKE), records_of(HANDSHAKE)
    hour = 3600 * SECOND
    write(tmp_path / "x.pcap", first)
    write(tmp_path / "x.pcap1", [one._replace(time=one.time + hour) for one in then])
    report = pcapcheck.check(tmp_path, window=parse_window(until="+25ms"))
    assert [row["outcome"] for row in rows(report)] == ["established", "established"]
    assert [facts.segments - facts.filtered for facts in report.capture_facts] == [4, 4]


def test_the_same_bytes_however_it_is_worked_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut(read(SAMPLES / "handshakes.pcap"), [20, 21, 60, 61, 100], tmp_path)
    written = []
    for options in ([], ["--jobs", "3"], ["--decoder", "dpkt"], ["--decoder", "dpkt", "--jobs", "2"]):
        assert main(["check", str(tmp_path), "--exit-zero", "--format", "jsonl", *options]) == 0
        written.append(capsys.readouterr().out)
    with ThreadPoolExecutor(2) as pool:
        pcapcheck.check(tmp_path, map=pool.map).to_jsonl(tmp_path / "out.jsonl")
        written.append((tmp_path / "out.jsonl").read_text())
    assert len(set(written)) == 1
    assert written[0].count("\n") == 19


def test_handshakes_one_by_one_are_those_of_the_report(tmp_path: Path) -> None:
    cut(read(SAMPLES / "handshakes.pcap"), [20, 60], tmp_path)
    write(tmp_path / "other.pcap", read(SAMPLES / "ipv6.pcap"))
    report = pcapcheck.check(tmp_path)
    assert [row["handshake_id"] for row in pcapcheck.iter_handshakes(tmp_path)] == list(range(1, 23))
    assert list(pcapcheck.iter_handshakes(tmp_path)) == list(handshake_dicts(report))


def test_where_it_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same frame in every output: the SYN-ACK with a wrong number is the second frame of the second file."""
    monkeypatch.chdir(tmp_path)
    wrong = """
        +0   > S  0:0(0) win 64240 <mss 1460>
        +.01 > S  0:0(0) win 64240 <mss 1460>
        +.02 < S. 0:0(0) ack 7 win 65160 <mss 1400>
        +0   > R  7:7(0) win 0
    """
    cut(records_of(wrong), [1], Path())
    outputs = ["json", "csv", "sarif", "junit", "gitlab", "markdown"]
    files = [option for name in outputs for option in ("-o", f"{name}:out.{name}")]
    assert main(["check", "x.pcap", "x.pcap1", "--select", "HS02", *files]) == 1
    text = capsys.readouterr().out
    assert text.splitlines()[0].startswith("x.pcap1:frame 2: error HS02 ")
    assert (
        "2 files read as one capture by their names and times (--no-sequence: each by itself): x.pcap, x.pcap1" in text
    )
    document = json.loads(Path("out.json").read_text())
    assert (document["findings"][0]["frames"], document["findings"][0]["files"]) == ([2, 1], ["x.pcap1", "x.pcap"])
    assert document["captures"][0]["files"] == ["x.pcap", "x.pcap1"]
    (run,) = json.loads(Path("out.sarif").read_text())["runs"]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["byteOffset"]) == ("x.pcap1", 24 + 16 + 58 + 16)
    assert result["message"]["text"].startswith("Frame 2 of x.pcap1: ")
    assert result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "x.pcap"
    assert [one["location"]["uri"] for one in run["artifacts"]] == ["x.pcap", "x.pcap1"]
    assert "HS02 frame 2 of x.pcap1, 1 of x.pcap: " in Path("out.junit").read_text()
    assert json.loads(Path("out.gitlab").read_text())[0]["location"]["path"] == "x.pcap1"
    assert "2 of x.pcap1, 1 of x.pcap" in Path("out.markdown").read_text()
    with Path("out.csv").open() as lines:
        (row,) = csv.DictReader(lines)
    assert [row[name] for name in ("syn_frame", "syn_file", "synack_frame", "synack_file", "ack_file")] == [
        "1", "x.pcap", "2", "x.pcap1", "",
    ]  # fmt: skip
    assert main(["check", "x.pcap", "x.pcap1", "--select", "HS02", "--format", "github"]) == 1
    assert capsys.readouterr().out.startswith("::error file=x.pcap1,")
    for arguments in (["--handshake", "1"], ["--frame", "x.pcap1:2"]):
        assert main(["show", "x.pcap", "x.pcap1", *arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        at, other = lines.index("x.pcap"), lines.index("x.pcap1")
        assert (lines[at + 1].split()[0], lines[other + 1].split()[0]) == ("1", "1")
        assert "error HS02 synack-acks-wrong-number, frames 2 of x.pcap1, 1 of x.pcap" in "\n".join(lines)
        assert "repeat of frame 1 of x.pcap" in "\n".join(lines)
    for drawing in ("svg", "mmd"):
        assert main(["show", "x.pcap", "x.pcap1", "--handshake", "1", "-o", f"out.{drawing}"]) == 0
    assert "frames from here on: x.pcap1" in Path("out.svg").read_text()
    assert "S->>C: 2, 30.000000 ms: SYN, ACK" in Path("out.mmd").read_text()
    assert "C->>S: 1 of x.pcap1, 10.000000 ms: SYN" in Path("out.mmd").read_text()
    assert main(["report", "x.pcap", "x.pcap1", "-o", "report.html"]) == 0
    assert "Frames 2 of x.pcap1, 1 of x.pcap" in Path("report.html").read_text()


def test_segments_have_the_file_of_each(tmp_path: Path) -> None:
    paths = cut(records_of(HANDSHAKE), [2], tmp_path)
    pcapcheck.check(paths).to_parquet(f"{tmp_path}/out/", tables=["handshakes", "segments"])
    segments = pq.read_table(tmp_path / "out" / "segments.parquet").to_pydict()
    assert segments["capture"] == [str(paths[0])] * 2 + [str(paths[1])] * 3
    assert segments["frame"] == [1, 2, 1, 2, 3]
    handshakes = pq.read_table(tmp_path / "out" / "handshakes.parquet").to_pydict()
    assert (handshakes["ack_file"], handshakes["ack_frame"]) == ([str(paths[1])], [1])


@needs_tshark
def test_the_filter_shows_the_handshake_in_every_file(tmp_path: Path) -> None:
    """A 4-tuple that is used again: the filter keeps to one of the two by time, which is true in each file."""
    first = records_of(HANDSHAKE)
    again = [one._replace(time=one.time + 10 * SECOND) for one in records_of("flow a isn 77 88\n" + HANDSHAKE)]
    paths = cut([*first, *again], [3, 7], tmp_path)
    report = pcapcheck.check(tmp_path)
    assert list(report.handshakes.syn_file) == [str(paths[0]), str(paths[1])]
    shown = [
        [
            subprocess.run(
                ["tshark", "-r", path, "-Y", shows, "-T", "fields", "-e", "frame.number"],
                capture_output=True, text=True, check=True,
            ).stdout.split()
            for path in paths
        ]
        for shows in report.handshakes.wireshark_filter
    ]  # fmt: skip
    assert shown == [[["1", "2", "3"], ["1", "2"], []], [[], ["3", "4"], ["1", "2", "3"]]]


def test_fragments_in_two_files_are_not_put_together(tmp_path: Path) -> None:
    """A TCP header that is split: whole where both pieces are in one file, else as if the other one were missing."""
    pieces = [Record(SECOND, len(octets), octets, RAW) for octets in pieces4(SYN_HEADER, 16)]
    (whole,) = pcapcheck.check(cut(pieces, [2], tmp_path), sequence=True).capture_facts
    (parts,) = pcapcheck.check(cut(pieces, [1], tmp_path), sequence=True).capture_facts
    assert (whole.segments, whole.split_headers) == (1, 1)
    assert (parts.segments, parts.skipped.total()) == (0, 2)
