"""Captures of the same traffic at two taps: together they give what one that saw everything gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.decode.segment import Segment
from pcapcheck.report.plain import handshake_dicts
from pcapcheck.stretch import summarise
from pcapcheck.testing import parse_exchange
from tests.variants import MILLISECOND, Record, Records, decoded, read, write

TESTS: Final = Path(__file__).parent
# Taps are put in order by time, so that a clock that goes back says something else there than in the whole.
CAPTURES: Final = sorted(
    path
    for path in [*TESTS.glob("lab/*.pcap"), *TESTS.parent.glob("sample_captures/*.pcap")]
    if not summarise(str(path)).facts.steps_back
)


def client_side(path: Path) -> Path:
    return path.with_name(path.name.replace(".server.", "."))


VERDICT: Final = (
    "client_ip", "client_port", "server_ip", "server_port", "outcome", "shape", "aborted_by", "ack_kind", "close",
    "closed_by", "syn_count", "synack_count", "client_isn", "server_isn", "synack_ack", "ack_seq", "ack_ack",
    "start_time_ns", "history", "completeness", "zeek_state",
)  # fmt: skip


def verdicts(report: pcapcheck.Report) -> list[dict[str, Any]]:
    """What became of each handshake, without what depends on where it was seen."""
    return [{name: row[name] for name in VERDICT} for row in handshake_dicts(report)]


def further(record: Record) -> Record:
    """The frame at the next router's other side."""
    octets = bytearray(record.octets)
    at = {b"\x08\x00": 22, b"\x86\xdd": 21}.get(record.octets[12:14]) if record.link_type == 1 else None
    if at is not None and len(octets) > at:
        octets[at] -= 1
    return record._replace(octets=bytes(octets))


def likeness(record: Record) -> object:
    found = decoded(record)
    return found._replace(ttl=0) if found else record.octets


@settings(max_examples=200)
@given(st.sampled_from(CAPTURES), st.data())
def test_each_frame_at_one_tap_or_both(path: Path, data: st.DataObject) -> None:
    """But for packets that nothing tells apart, such as two SYN-ACKs of one millisecond: each tap has these."""
    records = read(path)
    alike = Counter(map(likeness, records))
    seen = [
        "*" if alike[likeness(record)] > 1 else data.draw(st.sampled_from("ab*"), label=f"frame {number} seen at")
        for number, record in enumerate(records, start=1)
    ]
    with TemporaryDirectory() as folder:
        a, b, whole = (Path(folder, name) for name in ("a.pcap", "b.pcap", "whole.pcap"))
        write(whole, records)
        write(a, [record for record, tap in zip(records, seen, strict=True) if tap != "b"])
        write(b, [further(record) for record, tap in zip(records, seen, strict=True) if tap != "a"])
        report = pcapcheck.check([a, b], merge=True)
        assert verdicts(report) == verdicts(pcapcheck.check(whole))
        frames = {str(path): read(path) for path in (a, b)}
        for row in handshake_dicts(report):
            for name, number in (("syn", "client_isn"), ("synack", "server_isn"), ("ack", "ack_seq")):
                if row[f"{name}_frame"] is not None:
                    found = decoded(frames[row[f"{name}_file"]][row[f"{name}_frame"] - 1])
                    assert isinstance(found, Segment)
                    assert (found.seq, {found.src_port, found.dst_port}) == (
                        row[number], {row["client_port"], row["server_port"]},
                    )  # fmt: skip


PAIRS: Final = sorted(path for path in TESTS.glob("lab/*.server.pcap") if client_side(path).exists())
# Between these taps something rewrote addresses or numbers, or sent a SYN twice: they do not show the same packets.
REWRITTEN: Final = {"nat_masquerade", "seq_shift_server_wraps", "dup_syn_late"}


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: client_side(path).stem)
def test_two_hosts_that_captured_themselves(path: Path) -> None:
    """Linux hosts, near or far. Each side's segments are counted where they were sent, and timed at the client."""
    client, server, merged = (
        {tuple(row[name] for name in (*VERDICT[:4], "client_isn")): row for row in handshake_dicts(report)}
        for report in (
            pcapcheck.check(client_side(path)),
            pcapcheck.check(path),
            pcapcheck.check([client_side(path), path], merge=True),
        )
    )
    assert merged.keys() <= client.keys() | server.keys()
    if client_side(path).stem in REWRITTEN:
        return
    for key in client.keys() & server.keys():
        row = merged[key]
        assert row["outcome"] in (client[key]["outcome"], server[key]["outcome"])
        assert row["syn_count"] == client[key]["syn_count"]
        assert row["synack_count"] == server[key]["synack_count"]
        if row["rtt_status"] == "exact":
            assert row["server_rtt_ns"] == client[key]["server_rtt_ns"]


HANDSHAKE: Final = """
    +0   > S  0:0(0) win 64240 <mss 1460>
    +.02 < S. 0:0(0) ack 1 win 65160 <mss 1400>
    +0   > .  1:1(0) ack 1
    +0   > P. 1:101(100) ack 1
    +.02 < .  1:1(0) ack 101
"""


def records_of(text: str) -> Records:
    return [Record(one.time_ns, one.original_length, one.data, 1) for one in parse_exchange(text).frames()]


def later(records: Records, nanoseconds: int) -> Records:
    return [further(one)._replace(time=one.time + nanoseconds) for one in records]


def merged(folder: Path, a: Records, b: Records) -> pcapcheck.Report:
    write(folder / "a.pcap", a)
    write(folder / "b.pcap", b)
    return pcapcheck.check([folder / "a.pcap", folder / "b.pcap"], merge=True)


def test_copies_are_counted_once_and_told(tmp_path: Path) -> None:
    records = records_of(HANDSHAKE)
    report = merged(tmp_path, records, later(records, 3 * MILLISECOND))
    (finding,) = report.findings[report.findings.rule == "CAP05"].to_dict("records")
    assert (finding["actual"], finding["frames"]) == ("5", [1, 1])
    assert [Path(file).name for file in finding["files"]] == ["b.pcap", "a.pcap"]
    (facts,) = report.capture_facts
    assert (facts.frames, facts.segments, facts.copies) == (10, 10, 5)
    (row,) = handshake_dicts(report)
    assert [row[f"{name}_frame"] for name in ("syn", "synack", "ack")] == [1, 2, 3]
    assert {row[f"{name}_file"] for name in ("syn", "synack", "ack")} == {str(tmp_path / "a.pcap")}
    assert (row["syn_count"], row["synack_count"], row["server_rtt_ns"]) == (1, 1, 20 * MILLISECOND)


def test_each_direction_at_its_own_tap(tmp_path: Path) -> None:
    """What neither tap alone can judge; a time from one clock to the other is not given."""
    records = records_of(HANDSHAKE)
    up, down = [records[index] for index in (0, 2, 3)], [records[index] for index in (1, 4)]
    alone = pcapcheck.check(merged(tmp_path, up, down).files, sequence=False)
    assert sorted(alone.outcomes()) == ["one-sided"]
    (row,) = handshake_dicts(merged(tmp_path, up, down))
    assert (row["outcome"], row["syn_file"], row["synack_file"]) == (
        "established", str(tmp_path / "a.pcap"), str(tmp_path / "b.pcap"),
    )  # fmt: skip
    assert (row["rtt_status"], row["server_rtt_ns"], row["handshake_rtt_max_ns"]) == ("none", None, None)


def test_clocks_that_contradict_each_other(tmp_path: Path) -> None:
    """The tap at the server is 25 ms away, and its clock 300 ms ahead: packets to the client seem to reach it later."""
    client, server = (read(TESTS / "lab" / f"clean_v6_50ms_split{tag}.pcap") for tag in ("", ".server"))
    right, wrong = merged(tmp_path, client, server), merged(tmp_path, client, later(server, 300 * MILLISECOND))
    assert not any(facts.ahead for facts in right.capture_facts)
    assert verdicts(wrong) == verdicts(right)
    assert [row["server_rtt_ns"] for row in handshake_dicts(wrong)] == [
        row["server_rtt_ns"] for row in handshake_dicts(right)
    ]
    ((ahead,),) = (facts.ahead for facts in wrong.capture_facts)
    assert (ahead.path, ahead.behind) == (str(tmp_path / "b.pcap"), str(tmp_path / "a.pcap"))
    assert 270 * MILLISECOND < ahead.nanoseconds < 280 * MILLISECOND
    (finding,) = wrong.findings[wrong.findings.rule == "CAP10"].to_dict("records")
    assert finding["actual"] == f"{ahead.path} at least {ahead.nanoseconds} ns ahead of {ahead.behind}"


@pytest.mark.parametrize(
    ("options", "id", "apart", "count"),
    [
        ("mss 1460", "", 150, 1),
        ("mss 1460", "", 250, 2),  # it may be a retransmission
        ("mss 1460,TS val 7 ecr 0", "", 900, 1),
        ("mss 1460", "id 4711", 900, 1),
        ("mss 1460", "id 4711", 1100, 2),
    ],
)
def test_how_long_a_packet_may_be_on_its_way(options: str, id: str, apart: int, count: int, tmp_path: Path) -> None:
    ends = "" if id else "client [2001:db8::1]:1000\nserver [2001:db8::2]:80\n"  # IPv6 has no IP id
    syn = records_of(f"{ends}+0 > S 0:0(0) win 64240 <{options}> {id}")
    report = merged(tmp_path, syn, later(syn, apart * MILLISECOND))
    assert report.handshakes.syn_count.tolist() == [count]


def test_what_the_first_tap_missed_is_taken_from_the_other(tmp_path: Path) -> None:
    """The retransmission of a SYN that one tap lost, and a SYN that both saw: two SYNs, no copy among them."""
    text = "+0 > S 0:0(0) win 64240\n+1 > S 0:0(0) win 64240\n+2 > S 0:0(0) win 64240\n"
    syns = records_of(text)
    report = merged(tmp_path, [syns[0], syns[2]], later(syns[1:], 2 * MILLISECOND))
    assert report.handshakes.syn_count.tolist() == [3]
    assert report.capture_facts[0].copies == 1


def test_the_same_for_each_decoder(tmp_path: Path) -> None:
    records = read(TESTS.parent / "sample_captures" / "handshakes.pcap")
    write(tmp_path / "a.pcap", records[::2])
    write(tmp_path / "b.pcap", later(records[::3], MILLISECOND))
    files = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    one, other = (pcapcheck.check(files, merge=True, decoder=decoder) for decoder in ("auto", "dpkt"))
    assert list(handshake_dicts(one)) == list(handshake_dicts(other))
    assert one.summary() == other.summary()


def test_damage_and_what_cannot_be_read(tmp_path: Path) -> None:
    records = records_of(HANDSHAKE)
    merged(tmp_path, records, records)
    (tmp_path / "b.pcap").write_bytes((tmp_path / "b.pcap").read_bytes()[:-5])
    (tmp_path / "c.pcap").write_bytes(b"no capture")
    report = pcapcheck.check([tmp_path / f"{name}.pcap" for name in "abc"], merge=True)
    assert [error.path for error in report.errors] == [str(tmp_path / "c.pcap")]
    (finding,) = report.findings[report.findings.rule == "CAP01"].to_dict("records")
    assert (finding["frames"], finding["files"]) == ([4], [str(tmp_path / "b.pcap")])
    assert report.handshakes.outcome.tolist() == ["established"]


def test_interrupted(tmp_path: Path) -> None:
    records = records_of(HANDSHAKE)
    merged(tmp_path, records, records)

    def stop(octets: int) -> None:
        raise KeyboardInterrupt

    report = pcapcheck.check([tmp_path / "a.pcap", tmp_path / "b.pcap"], merge=True, progress=stop)
    assert report.interrupted
    assert report.handshakes.outcome.tolist() == ["established"]


def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = records_of(HANDSHAKE)
    merged(Path(), records, later(records[1:], MILLISECOND))
    assert main(["check", "--merge", "a.pcap", "b.pcap"]) == 0
    assert "2 files merged by time: a.pcap, b.pcap\n" in capsys.readouterr().out
    assert main(["show", "--merge", "a.pcap", "b.pcap", "--frame", "a.pcap:2"]) == 0
    assert "established, three-way" in capsys.readouterr().out
    assert main(["check", "--merge", "--sequence", "a.pcap", "b.pcap"]) == 2
    assert "(sequence)" in capsys.readouterr().err
