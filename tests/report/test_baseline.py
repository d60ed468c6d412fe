"""Baselines: what is known stays known after trimming and recording again, and what is new is reported."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.errors import UsageError
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.policy.policy import Policy
from pcapcheck.report.baseline import baseline_of, kind_text, new_only, read_baseline, write_baseline
from pcapcheck.report.fingerprint import Kind
from pcapcheck.report.report import Report
from pcapcheck.testing import parse_exchange

SAMPLES = Path(__file__).resolve().parents[2] / "sample_captures"

RECORDED = """
    flow before
    client 192.0.2.1:40000
    server 198.51.100.2:22
    +0    > S  0 win 64240
    +.02  < S. 0 ack 1 win 65160
    +0    > .  1 ack 1
    flow wrong
    client 192.0.2.1:40001
    server 198.51.100.2:443
    isn 1000 2000
    +1    > S  0 win 64240
    +.02  < S. 0 ack 7 win 65160
    flow refused
    client 192.0.2.1:40002
    server 198.51.100.2:80
    +1    > S  0 win 64240
    +.02  < R. 0 ack 1 win 0
    flow refused_again
    client [2001:db8::1]:40003
    server [2001:db8::2]:80
    +2    > S  0 win 64240
    +.02  < R. 0 ack 1 win 0
    flow refused_once_more
    client [2001:db8::1]:40004
    server [2001:db8::2]:80
    +3    > S  0 win 64240
    +.02  < R. 0 ack 1 win 0
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


CHOSEN = Policy(("HS02", "OC01", "ST06"))


def checked(text: str, path: str = "a.pcap", policy: Policy = CHOSEN) -> Report:
    parse_exchange(text).write_pcap(Path(path))
    return pcapcheck.check(path, policy=policy)


def left(report: Report) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in report.all_findings]


def test_as_it_is_written() -> None:
    written = write_baseline(baseline_of(checked(RECORDED)))
    assert written == (
        "{\n"
        '  "format": "pcapcheck-baseline", "version": 1,\n'
        '  "findings": [\n'
        '    {"rule": "HS02", "capture": "a.pcap", "client": "192.0.2.1", "server": "198.51.100.2", "port": 443,'
        ' "count": 1},\n'
        '    {"rule": "OC01", "capture": "a.pcap", "client": "192.0.2.1", "server": "198.51.100.2", "port": 80,'
        ' "count": 1},\n'
        '    {"rule": "OC01", "capture": "a.pcap", "client": "2001:db8::1", "server": "2001:db8::2", "port": 80,'
        ' "count": 2}\n'
        "  ]\n"
        "}\n"
    )
    Path("known.json").write_text(written)
    assert read_baseline("known.json") == baseline_of(checked(RECORDED))
    empty = write_baseline(Counter())
    assert empty == '{\n  "format": "pcapcheck-baseline", "version": 1,\n  "findings": [\n  ]\n}\n'
    assert json.loads(empty)["findings"] == []


def test_everything_is_known_but_what_is_only_named() -> None:
    report = checked(RECORDED)
    found = new_only(report, baseline_of(report))
    assert (left(found.report), found.known, found.stale) == ([("ST06", "info")], 4, [])
    assert found.report.known == 4
    assert found.report.ok
    assert report.worst() == "error"  # the other report is as it was
    assert list(report.handshakes["findings"]) == [[], ["HS02"], ["OC01"], ["OC01"], ["OC01"]]
    assert "4 known findings of the baseline left out" in found.report.summary()
    assert list(found.report.handshakes["findings"]) == [[], [], [], [], []]
    assert found.report.captures["faults"].tolist() == report.captures["faults"].tolist()


def test_it_survives_a_new_recording() -> None:
    """Other times, client ports, initial sequence numbers, frames, and order."""
    again = (
        RECORDED.replace("isn 1000 2000", "isn 4294967295 7")
        .replace(":4000", ":5123")
        .replace("+.02", "+.3")
        .replace("+3 ", "+0 ")
        .replace("flow wrong", "flow another\nclient 192.0.2.9:1\nserver 192.0.2.8:2\n+.1 > F 0 win 1\nflow wrong")
    )
    found = new_only(checked(again), baseline_of(checked(RECORDED)))
    assert (left(found.report), found.known, found.stale) == ([("ST06", "info")], 4, [])


def records(octets: bytes) -> Iterator[int]:
    """Where the records of a little-endian pcap begin."""
    at = 24
    while at < len(octets):
        yield at
        at += 16 + int(struct.unpack_from("<I", octets, at + 8)[0])


def test_it_survives_trimming() -> None:
    """However many frames are cut from the front of a sample, what is left is known.

    But for one place: behind frame 55 the first SYN of an attempt is gone, and the next is a SYN without an answer.
    """
    whole = (SAMPLES / "handshakes.pcap").read_bytes()
    path = Path("a.pcap")
    path.write_bytes(whole)
    known = baseline_of(pcapcheck.check(path))
    new = {}
    for frames, start in list(enumerate(records(whole)))[1::2]:
        path.write_bytes(whole[:24] + whole[start:])
        found = new_only(pcapcheck.check(path), known)
        serious = [one for one in left(found.report) if one[1] in ("error", "warning")]
        if serious:
            new[frames] = serious
    assert new == {55: [("OC03", "warning")]}


def test_new_ones_are_reported_and_gone_ones_are_stale() -> None:
    known = baseline_of(checked(RECORDED))
    more = (
        RECORDED
        + """
        flow and_again
        client [2001:db8::1]:40005
        server [2001:db8::2]:80
        +4    > S  0 win 64240
        +.02  < R. 0 ack 1 win 0
    """
    )
    found = new_only(checked(more.replace("server 198.51.100.2:443", "server 198.51.100.2:8443")), known)
    assert left(found.report) == [("ST06", "info"), ("HS02", "error"), ("OC01", "warning")]
    assert found.known == 3
    assert [(kind_text(kind), gone) for kind, gone in found.stale] == [
        ("HS02 in a.pcap 192.0.2.1 -> 198.51.100.2:443", 1)
    ]
    fewer = new_only(checked(RECORDED.partition("flow refused_again")[0]), known)
    assert [(kind_text(kind), gone) for kind, gone in fewer.stale] == [
        ("OC01 in a.pcap 2001:db8::1 -> [2001:db8::2]:80", 2)
    ]


def test_what_was_not_asked_is_not_stale() -> None:
    known = baseline_of(checked(RECORDED))
    assert new_only(checked("+0 arp", policy=Policy(("HS02",))), known).stale == [
        (Kind("HS02", "a.pcap", "192.0.2.1", "198.51.100.2", 443), 1)
    ]
    assert new_only(checked("+0 arp", "b.pcap"), known).stale == []
    Path("a.pcap").write_text("no capture")
    assert new_only(pcapcheck.check("a.pcap"), known).stale == []


def test_expectations_are_told_apart() -> None:
    def policy(*expectations: str) -> Policy:
        return Policy(("EX",), expectations=tuple(Asked(parse(text)) for text in expectations))

    known = baseline_of(checked(RECORDED, policy=policy("refused == 0", "invalid == 0")))
    assert [kind.says for kind in sorted(known)] == ["invalid == 0", "refused == 0"]
    found = new_only(checked(RECORDED, policy=policy("refused == 0", "established > 9")), known)
    assert [one.expected for one in found.report.all_findings] == ["established > 9"]
    assert [(kind_text(kind), gone) for kind, gone in found.stale] == [("EX01 in a.pcap invalid == 0", 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is no JSON"),
        ("\xff", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "this is no baseline"),
        ('{"format": "other", "version": 1, "findings": []}', "this is no baseline"),
        ('{"format": "pcapcheck-baseline", "version": 2, "findings": []}', "needed version 1, found 2"),
        *(
            (f'{{"format": "pcapcheck-baseline", "version": 1, "findings": [{entry}]}}', "entry 1 is none")
            for entry in (
                "3", "{}", '{"rule": "HS02", "capture": "a", "count": 0}', '{"rule": "HS02", "capture": "a"}',
                '{"rule": "HS02", "count": 1}', '{"rule": 2, "capture": "a", "count": 1}',
                '{"rule": "HS02", "capture": "a", "port": "x", "count": 1}',
                '{"rule": "HS02", "capture": "a", "count": true}',
                '{"rule": "HS02", "capture": "a", "count": 1, "frame": 2}',
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_baseline(text: str, message: str) -> None:
    Path("known.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=f"^baseline known.json: {message}"):
        read_baseline("known.json")


def test_a_baseline_that_is_not_there() -> None:
    with pytest.raises(
        UsageError, match=r"^baseline known\.json: No such file or directory; `pcapcheck baseline` writes"
    ):
        read_baseline("known.json")
