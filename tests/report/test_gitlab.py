"""GitLab Code Quality: read back by a JSON schema written from GitLab's documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pcapcheck.report.fingerprint import fingerprint
from pcapcheck.report.terms import Terms
from tests.report.ci import CLEAN, REFUSED, ROOT, WRONG, capture, check, refused, written

SCHEMA = json.loads((ROOT / "tests" / "data" / "gitlab-code-quality.schema.json").read_text())


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(text)
    jsonschema.validate(entries, SCHEMA)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries), "GitLab shows the first of equal ones"
    return entries


def test_literally() -> None:
    entries = read(written(check(capture(WRONG, "./sub/../a.pcap"), capture(CLEAN, "c.pcap")), "gitlab"))
    assert entries == [
        {
            "description": "frame 2: 192.0.2.1:40001 -> 198.51.100.2:443 SYN-ACK acknowledges 1007, expected 1001"
            " (6 too high) (Wireshark: ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2 && tcp.port == 40001 &&"
            " tcp.port == 443)",
            "check_name": "HS02 synack-acks-wrong-number",
            "fingerprint": fingerprint("HS02", "a.pcap", "192.0.2.1", "198.51.100.2", 443, 0),
            "severity": "critical",
            "location": {"path": "a.pcap", "lines": {"begin": 1}},
        }
    ]


def test_nothing_found() -> None:
    assert written(check(capture(CLEAN, "a.pcap")), "gitlab") == "[]\n"


def test_severities() -> None:
    report = check(
        capture(WRONG, "a.pcap"),
        capture(REFUSED, "b.pcap"),
        capture(CLEAN, "c.pcap"),
        "d.pcap",
        select="HS02,OC01,ST06,OC06",
    )
    entries = read(written(report, "gitlab", Terms(verbose=True)))
    assert [(entry["check_name"][:4], entry["severity"]) for entry in entries] == [
        ("capt", "blocker"), ("HS02", "critical"), ("OC01", "major"), ("ST06", "info"),
    ]  # fmt: skip


def test_many() -> None:
    """GitLab has no limit of its own but the size of an artefact: all of them are there."""
    text = written(check(capture(refused(300), "a.pcap"), select="OC01"), "gitlab")
    assert len(read(text)) == 300


def test_hostile_names() -> None:
    report = check(capture(WRONG, 'a"\n\x1b\u202e\ufffe.pcap'))
    (entry,) = read(written(report, "gitlab"))
    assert entry["location"]["path"] == 'a"\n\x1b\u202e\ufffe.pcap'
