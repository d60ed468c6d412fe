"""The JSON document: its published schema, and that it says what the tables say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pcapcheck.report.fingerprint import fingerprint
from pcapcheck.report.members import write_members
from pcapcheck.report.terms import Terms
from pcapcheck.tables import CAPTURES, CAUSES, FINDINGS
from tests.report.ci import CLEAN, REFUSED, ROOT, WRONG, capture, check, written

SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> dict[str, Any]:
    assert text.isascii()
    document: dict[str, Any] = json.loads(text)
    jsonschema.validate(document, SCHEMA)
    # What the code writes is described, every key of it.
    described = SCHEMA["properties"]
    assert set(document) <= set(described)
    for name in ("run", "summary"):
        assert set(document[name]) == set(described[name]["properties"])
    for name in ("problems", "captures", "findings", "causes"):
        for item in document[name]:
            assert set(item) == set(described[name]["items"]["properties"])
    return document


def test_the_schema_has_the_columns_of_the_tables() -> None:
    for name, table in (("captures", CAPTURES), ("findings", FINDINGS), ("causes", CAUSES)):
        described = {key.removesuffix("_ns") for key in SCHEMA["properties"][name]["items"]["properties"]}
        assert set(table) <= described


def test_what_it_says() -> None:
    report = check(capture(WRONG, "a.pcap"), capture(REFUSED, "sub/b.pcap"), "missing.pcap")
    document = read(written(report, "json", Terms(exit_code=2, fail_on="warning")))
    assert document["schema_version"] == 1
    assert document["run"] == {"exit_code": 2, "fail_on": "warning", "interrupted": False}
    assert (document["summary"]["handshakes"], document["summary"]["captures"]) == (2, 2)
    assert document["summary"]["outcomes"]["invalid"] == document["summary"]["outcomes"]["refused"] == 1
    assert document["summary"]["findings"] == {"error": 1, "warning": 1, "note": 0, "info": 0}
    assert document["problems"] == [
        {
            "problem": "capture-unreadable",
            "capture": "missing.pcap",
            "message": "missing.pcap: needed a file or a folder, found no such file or directory",
        }
    ]
    assert [one["capture"] for one in document["captures"]] == ["a.pcap", "sub/b.pcap", "missing.pcap"]
    assert document["findings"][0] == {
        "handshake_id": 1, "capture": "a.pcap", "rule": "HS02", "severity": "error", "frames": [2, 1],
        "files": ["a.pcap", "a.pcap"],
        "expected": "1001", "actual": "1007",
        "message": "SYN-ACK acknowledges 1007, expected 1001 (6 too high)",
        "name": "synack-acks-wrong-number", "client": "192.0.2.1:40001", "server": "198.51.100.2:443",
        "wireshark_filter": "ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2 && tcp.port == 40001 && tcp.port == 443",
        "fingerprint": fingerprint("HS02", "a.pcap", "192.0.2.1", "198.51.100.2", 443, 0),
    }  # fmt: skip
    assert [(one["handshake_id"], one["cause"]) for one in document["causes"] if one["handshake_id"] == 2] == [
        (2, "port-closed")
    ]
    assert "handshakes" not in document


def test_handshakes_on_request() -> None:
    report = check(capture(CLEAN, "a.pcap"), capture(WRONG, "b.pcap"))
    document = read(written(report, "json", Terms(with_handshakes=True)))
    lines = [json.loads(line) for line in written(report, "jsonl").splitlines()]
    assert document["handshakes"] == lines
    assert len(lines) == 2


def test_the_samples() -> None:
    """Every kind of finding, cause and capture there is in them, against the schema."""
    document = read(written(check(str(ROOT / "sample_captures"), select=""), "json", Terms(with_handshakes=True)))
    assert len(document["findings"]) == sum(document["summary"]["findings"].values())
    assert len(document["handshakes"]) == document["summary"]["handshakes"]


def test_nothing_at_all() -> None:
    Path("empty").mkdir()
    document = read(written(check("empty"), "json"))
    assert (document["captures"], document["findings"], document["causes"]) == ([], [], [])


@pytest.mark.parametrize(
    ("members", "expected"),
    [([], {}), ([("a", iter([]))], {"a": []}), ([("a", 1), ("b", iter([{"c": "\udce9\x00"}, 2]))], None)],
)
def test_members(members: list[tuple[str, Any]], expected: dict[str, Any] | None) -> None:
    import io

    out = io.StringIO()
    write_members(out, members)
    assert json.loads(out.getvalue()) == (expected if expected is not None else {"a": 1, "b": [{"c": "\udce9\x00"}, 2]})
