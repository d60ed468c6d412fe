"""SARIF: OASIS' schema, GitHub's limits, and what sarif-tools reads back."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sarif import loader

import pcapcheck
from pcapcheck.report import sarif
from pcapcheck.report.fingerprint import fingerprint
from pcapcheck.report.sarif_rules import help_uri
from pcapcheck.report.terms import Terms
from pcapcheck.rules import RULES
from tests.report.ci import CLEAN, REFUSED, ROOT, WRONG, capture, check, refused, written

SCHEMA = json.loads((ROOT / "tests" / "data" / "sarif-schema-2.1.0.json").read_text())
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> dict[str, Any]:
    """The run of a log that OASIS' schema and GitHub accept."""
    assert text.isascii()
    log = json.loads(text)
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) <= 25_000
    assert len(rules) <= 25_000
    assert all(len(rule["properties"]["tags"]) <= 10 for rule in rules)
    fingerprints = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert len(result["locations"]) == 1
        assert len(result.get("relatedLocations", [])) <= 100
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
        for flow in result.get("codeFlows", []):
            assert len(flow["threadFlows"][0]["locations"]) <= 3
        fingerprints.add(tuple(result["partialFingerprints"].values()))
        index = result["locations"][0]["physicalLocation"]["artifactLocation"]["index"]
        artifact = run["artifacts"][index]["location"]
        assert {**artifact, "index": index} == result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert len(fingerprints) == len(run["results"])
    return run


def uris(report: pcapcheck.Report) -> list[dict[str, str]]:
    return [artifact["location"] for artifact in read(written(report, "sarif"))["artifacts"]]


def test_a_result() -> None:
    run = read(written(check(capture(WRONG, "sub/a.pcap")), "sarif", Terms(exit_code=1)))
    (result,) = run["results"]
    where = {"uri": "sub/a.pcap", "uriBaseId": "%SRCROOT%", "index": 0}
    # A file header of 24 octets, record headers of 16, frames of 54: without options.
    second = {
        "physicalLocation": {
            "artifactLocation": where,
            "region": {"startLine": 1, "byteOffset": 24 + 16 + 54 + 16, "byteLength": 54},
        },
        "logicalLocations": [{"name": "frame 2", "fullyQualifiedName": "sub/a.pcap#frame=2", "kind": "element"}],
    }
    assert result["locations"] == [second]
    filter = "ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2 && tcp.port == 40001 && tcp.port == 443"
    assert result["message"]["text"] == (
        "Frame 2: 192.0.2.1:40001 -> 198.51.100.2:443 SYN-ACK acknowledges 1007, expected 1001 (6 too high)."
        f" Wireshark: {filter}"
    )
    assert (result["ruleId"], result["level"]) == ("HS02", "error")
    mark = fingerprint("HS02", "sub/a.pcap", "192.0.2.1", "198.51.100.2", 443, 0)
    assert result["partialFingerprints"] == {
        "pcapcheckFinding/v1": mark,
        "primaryLocationLineHash": f"{mark[:16]}:1",
    }
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == ["SYN: seq 1000", "SYN-ACK: seq 2000, ack 1007"]
    assert steps[1]["location"]["physicalLocation"] == second["physicalLocation"]
    assert [step["executionOrder"] for step in steps] == [1, 2]
    assert result["properties"] == {
        "severity": "error", "frames": [2, 1], "expected": "1001", "actual": "1007", "wiresharkFilter": filter,
        "communityId": "1:U0d0LXG4FJ5HyLrlVBiB78sn8rA=",
    }  # fmt: skip
    assert run["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]


def test_the_steps_of_a_whole_handshake() -> None:
    ignored = (
        CLEAN.partition("    +0    > F.")[0]
        + """
    +1    < S. 0 ack 1 win 65160
    +2    < S. 0 ack 1 win 65160
    """
    )
    (result,) = read(written(check(capture(ignored, "a.pcap"), select="OC06"), "sarif"))["results"]
    steps = result["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in steps] == [
        "SYN: seq 1000", "SYN-ACK: seq 2000, ack 1001", "ACK: seq 1001, ack 2001",
    ]  # fmt: skip
    assert [step["location"]["logicalLocations"][0]["name"] for step in steps] == ["frame 1", "frame 2", "frame 3"]


def test_info_is_not_shown_and_that_is_said() -> None:
    run = read(written(check(capture(CLEAN, "a.pcap"), select="ST06"), "sarif"))
    assert run["results"] == []
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "not among the results unless --verbose asks for them: 1 info"


def test_rules_are_described_from_the_catalogue() -> None:
    run = read(written(pcapcheck.check(capture(CLEAN, "a.pcap")), "sarif"))
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(RULES) <= set(rules)
    assert list(rules) == sorted(rules)
    for rule in rules.values():
        for text in (rule["shortDescription"], rule["fullDescription"], rule["help"]):
            assert text["text"].strip(" .")
        assert "What to look at next" in rule["help"]["text"] or "How to decide" in rule["help"]["text"]
        assert "## What it means" in rule["help"]["markdown"]
    assert rules["HS02"]["defaultConfiguration"] == {"level": "error"}
    assert rules["HS02"]["helpUri"] == "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3"
    assert rules["HS02"]["properties"] == {
        "tags": ["network", "tcp", "handshake"], "precision": "very-high", "problem.severity": "error",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("RFC 9293, section 3.10.7.3, first", "https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.3"),
        ("RFC 9293, sections 3.4.1 and 3.10.8; RFC 4987", "https://www.rfc-editor.org/rfc/rfc9293#section-3.4.1"),
        ("IEEE 802.1Q; RFC 9293, section 3.4", "https://www.rfc-editor.org/rfc/rfc9293#section-3.4"),
        ("RFC 5562", "https://www.rfc-editor.org/rfc/rfc5562"),
        ("the format of the capture", ""),
        ("", ""),
    ],
)
def test_help_uri(reference: str, expected: str) -> None:
    assert help_uri(reference) == expected


def test_what_cannot_be_read_is_a_notification() -> None:
    Path("b.pcap").write_text("hello\n")
    report = check(capture(CLEAN, "a.pcap"), "b.pcap", "missing.pcap")
    invocation = read(written(report, "sarif", Terms(exit_code=2, shortfall="too few")))["invocations"][0]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert [
        (one["descriptor"]["id"], one["level"], one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        for one in invocation["toolExecutionNotifications"][:2]
    ] == [("capture-unreadable", "error", "missing.pcap"), ("capture-unreadable", "error", "b.pcap")]
    assert "locations" not in invocation["toolExecutionNotifications"][2]


def test_uris_are_relative_to_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = {"uriBaseId": "%SRCROOT%"}
    (tmp_path / ".git").mkdir()
    name = "d i r/caf\u00e9 100%#?:\u4e2d.pcap"
    expected = [{"uri": "d%20i%20r/caf%C3%A9%20100%25%23%3F%3A%E4%B8%AD.pcap", **root}]
    assert uris(check(capture(CLEAN, name))) == expected
    assert uris(check(str(tmp_path / name))) == expected
    monkeypatch.chdir(tmp_path / "d i r")
    assert uris(check(f"../{name}")) == expected
    assert uris(check(Path(name).name)) == expected


def test_a_uri_of_a_name_that_is_no_text() -> None:
    try:
        capture(CLEAN, "caf\udce9.pcap")
    except OSError:
        pytest.skip("the file system takes only UTF-8")
    assert uris(check("caf\udce9.pcap")) == [{"uri": "caf%E9.pcap", "uriBaseId": "%SRCROOT%"}]


def test_a_capture_outside_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    expected = [{"uri": (tmp_path / "a b.pcap").as_uri()}]
    assert uris(check(capture(WRONG, "../a b.pcap"))) == expected
    assert uris(check(str(tmp_path / "a b.pcap"))) == expected


def test_octets_of_a_compressed_capture_are_left_out() -> None:
    plain = Path(capture(WRONG, "a.pcap")).read_bytes()
    Path("a.pcap.gz").write_bytes(gzip.compress(plain))
    (result,) = read(written(check("a.pcap.gz"), "sarif"))["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


def test_the_worst_are_kept_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 5)
    report = check(capture(refused(7), "a.pcap"), capture(WRONG, "z.pcap"), select="HS02,OC01")
    run = read(written(report, "sarif"))
    assert [result["ruleId"] for result in run["results"]] == ["HS02", "OC01", "OC01", "OC01", "OC01"]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "3 of 8 findings are left out, the least severe: 3 warning"


def test_what_a_baseline_knows_is_counted() -> None:
    report = check(capture(refused(3), "a.pcap"), select="OC01")
    run = read(written(report.with_findings(report.all_findings.only([False, True, False]), 2), "sarif"))
    assert len(run["results"]) == 1
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"] == "known to the baseline and left out: 2"


def test_sarif_tools_reads_it(tmp_path: Path) -> None:
    report = check(capture(WRONG, "a.pcap"), capture(REFUSED, "b.pcap"), capture(CLEAN, "c.pcap"))
    path = tmp_path / "out.sarif"
    path.write_text(written(report, "sarif"))
    log = loader.load_sarif_file(str(path))
    assert log.get_distinct_tool_names() == ["pcapcheck"]
    assert log.get_result_count() == 2
    records = log.get_records()
    assert [(one["Location"], one["Severity"], one["Code"].split()[0], one["Line"]) for one in records] == [
        ("a.pcap", "error", "HS02", 1),
        ("b.pcap", "warning", "OC01", 1),
    ]


def test_nothing_at_all() -> None:
    Path("empty").mkdir()
    run = read(written(check("empty"), "sarif", Terms(exit_code=2)))
    assert (run["results"], run["artifacts"]) == ([], [])
    assert run["invocations"][0]["toolExecutionNotifications"][0]["descriptor"]["id"] == "no-capture"
