"""What a policy does to findings: in the report, in every output and to the exit code."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.expect.ask import Asked
from pcapcheck.expect.parser import parse
from pcapcheck.policy.policy import Override, Policy
from pcapcheck.report.report import Report

SAMPLES = Path(__file__).resolve().parents[2] / "sample_captures"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """captures/new/a.pcap and captures/legacy/a.pcap, which are alike."""
    for name in ("new", "legacy"):
        (tmp_path / "captures" / name).mkdir(parents=True)
        shutil.copy(SAMPLES / "handshakes.pcap", tmp_path / "captures" / name / "a.pcap")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(report: Report) -> Counter[tuple[str, str, str]]:
    """Folder, rule and severity of every finding."""
    paths = [Path(facts.path).parent.name for facts in report.capture_facts]
    return Counter((paths[one.capture], one.rule.id, one.severity) for one in report.all_findings)


def test_severities_hold_everywhere() -> None:
    policy = Policy(select=("HS", "OC01"), severity={"HS": "info", "HS02": "warning", "connection-refused": "note"})
    report = pcapcheck.check("captures/new/a.pcap", policy=policy)
    assert found(report) == {
        ("new", "HS02", "warning"): 1,
        ("new", "HS03", "info"): 1,
        ("new", "HS05", "info"): 1,
        ("new", "HS17", "info"): 1,
        ("new", "OC01", "note"): 1,
    }
    assert report.ok
    assert report.worst() == "warning"
    assert report.all_findings.count("info") == 3
    assert sorted(report.findings["severity"]) == ["info", "info", "info", "note", "warning"]
    assert "Findings: 1 warning, 1 note, 3 info\n  warning HS02   1" in report.summary().replace("HS02 ", "HS02  ")


def test_what_is_different_for_some_captures() -> None:
    policy = Policy(
        select=("HS02", "HS03"),
        severity={"HS": "note"},
        overrides=(
            Override(("captures/legacy/**",), ignore=("HS02",), severity={"HS03": "warning"}),
            Override(("captures/legacy/b*",), ignore=("HS",)),
        ),
    )
    assert found(pcapcheck.check("captures", policy=policy)) == {
        ("new", "HS02", "note"): 1,
        ("new", "HS03", "note"): 1,
        ("legacy", "HS03", "warning"): 1,
    }
    selected = policy._replace(
        overrides=(Override(("legacy/",), select=("OC01",)), Override(("**/legacy/*",), ("OC03",)))
    )
    assert found(pcapcheck.check("captures/legacy", policy=selected)) == {("legacy", "OC03", "warning"): 1}


def test_expectations_and_who_says_how_severe() -> None:
    fails, holds = Asked(parse("refused == 0")), Asked(parse("established >= 12"))
    policy = Policy(
        select=("HS02",),
        expectations=(fails, holds, fails._replace(severity="note"), Asked(parse('refused == 0 in "captures/new/*"'))),
        severity={"EX01": "warning"},
        overrides=(Override(("captures/legacy/*",), ignore=("EX",)),),
    )
    assert found(pcapcheck.check("captures", policy=policy)) == {
        ("new", "HS02", "error"): 1,
        ("new", "EX01", "warning"): 2,
        ("new", "EX01", "note"): 1,
        ("legacy", "HS02", "error"): 1,
    }


def test_a_policy_says_all() -> None:
    with pytest.raises(UsageError, match="by the policy"):
        pcapcheck.check("captures", policy=Policy(), select=["HS"])
    with pytest.raises(UsageError, match="no rule is called 'XX'"):
        pcapcheck.check("missing", policy=Policy(("XX",)))


def test_the_command_line_reads_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["check", "captures/new", "--select", "HS02,EX", "--quiet"]
    assert main(arguments) == 1
    Path("pcapcheck.toml").write_text('severity.HS02 = "warning"\n')
    assert main(arguments) == 0
    assert main([*arguments, "--isolated"]) == 1
    assert main([*arguments, "--fail-on", "warning"]) == 1
    assert main([*arguments, "--expect", "refused == 1"]) == 0
    assert main([*arguments, "--expect", "refused == 0"]) == 1
    assert main([*arguments, "--expect", "refused == 0", "--ignore", "EX"]) == 0
    Path("other.toml").write_text('format = "jsonl"\nexpect = ["refused == 0"]\nfail-on = "never"\n')
    capsys.readouterr()
    assert main([*arguments, "--config", "other.toml"]) == 0
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 19
    assert main([*arguments, "--config", "other.toml", "--format", "text", "--fail-on", "error"]) == 1
    assert "error EX01" in " ".join(capsys.readouterr().out.split())


def test_the_finding_of_an_expectation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "captures/new", "--select", "EX", "--expect", "max(server_rtt) port 443 < 50ms"]) == 1
    assert capsys.readouterr().out.splitlines()[0] == (
        "captures/new/a.pcap:frame 71: error EX01 expected max(server_rtt) port 443 < 50ms, found between 107.659 ms"
        " and 1117.851 ms of 10 handshakes; the worst: frame 71 (between 96.118 ms and 1117.851 ms), frame 72"
        " (107.659 ms), frame 23 (104.679 ms)"
    )


def test_the_ladder_shows_the_severity_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pcapcheck.toml").write_text('severity.HS02 = "note"\n')
    shown = ["show", "captures/new/a.pcap", "--frame", "56"]
    assert main(shown) == 0
    assert "  note HS02 synack-acks-wrong-number" in capsys.readouterr().out
    assert main([*shown, "--isolated"]) == 0
    assert "  error HS02 synack-acks-wrong-number" in capsys.readouterr().out
