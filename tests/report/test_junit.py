"""JUnit: read back by ElementTree and by junitparser, the same with and without lxml."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import pytest

from pcapcheck.report import junit
from pcapcheck.report.terms import Terms
from tests.report.ci import CLEAN, REFUSED, ROOT, WRONG, capture, check, refused, written


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str) -> ElementTree.Element:
    """The document; its counts are those of its cases, whichever library counts, and no two cases share a name."""
    assert text.isascii()
    root = ElementTree.fromstring(text)
    assert root.tag == "testsuites"
    parsed = junitparser.JUnitXml.fromstring(text.encode())
    kinds: Counter[str] = Counter()
    for suite, other in zip(root, parsed, strict=True):
        cases = suite.findall("testcase")
        own = Counter(result.tag for case in cases for result in case if result.tag != "system-out")
        kinds += own
        assert [case.name for case in other] == [case.get("name") for case in cases]
        assert (int(suite.get("tests", "")), other.failures) == (len(cases), own["failure"])
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names) == parsed.tests
    assert (parsed.failures, parsed.errors, parsed.skipped) == (kinds["failure"], kinds["error"], kinds["skipped"])
    return root


def results(root: ElementTree.Element) -> dict[tuple[str, str], str]:
    return {
        (case.get("classname", ""), case.get("name", "")): next((one.tag for one in case), "passed")
        for case in root.iter("testcase")
    }


def test_a_case_a_rule_of_a_capture() -> None:
    report = check(capture(CLEAN, "a.pcap"), capture(WRONG, "b.pcap"), select="HS02,HS03")
    root = read(written(report, "junit"))
    assert results(root) == {
        ("a.pcap", "readable"): "passed",
        ("a.pcap", "HS02 synack-acks-wrong-number"): "passed",
        ("a.pcap", "HS03 ack-acks-wrong-number"): "passed",
        ("b.pcap", "readable"): "passed",
        ("b.pcap", "HS02 synack-acks-wrong-number"): "failure",
        ("b.pcap", "HS03 ack-acks-wrong-number"): "passed",
    }
    failure = root.find(".//failure")
    assert failure is not None
    line = "HS02 frame 2, 1: 192.0.2.1:40001 -> 198.51.100.2:443 SYN-ACK acknowledges 1007, expected 1001 (6 too high)"
    assert failure.attrib == {"message": line, "type": "error"}
    assert failure.text == (
        f"{line}\n  expected 1001, actual 1007\n"
        "  Wireshark: ip.addr == 192.0.2.1 && ip.addr == 198.51.100.2 && tcp.port == 40001 && tcp.port == 443"
    )
    properties = {one.get("name"): one.get("value") for one in root[0].iter("property")}
    assert properties == {"format": "pcap", "frames": "6", "segments": "6", "frames-not-judged": "0"}


@pytest.mark.parametrize(
    ("fail_on", "expected"),
    [("error", "system-out"), ("warning", "failure"), ("info", "failure"), ("never", "system-out")],
)
def test_what_does_not_fail_the_run_does_not_fail_a_case(fail_on: str, expected: str) -> None:
    root = read(written(check(capture(REFUSED, "a.pcap"), select="OC01"), "junit", Terms(fail_on=fail_on)))
    assert results(root)["a.pcap", "OC01 connection-refused"] == expected


def test_what_cannot_be_decided_is_skipped_with_the_reason() -> None:
    report = check(str(ROOT / "sample_captures" / "one_sided.pcap"), select="OC01")
    root = read(written(report, "junit"))
    skipped = root.find(".//skipped")
    assert skipped is not None
    assert skipped.get("message", "").startswith("not decidable in 2 cases: it needs ")
    assert skipped.get("type") == "undecidable"


def test_what_cannot_be_read_is_an_error() -> None:
    Path("b.pcap").write_text("hello\n")
    report = check(capture(CLEAN, "a.pcap"), "b.pcap", "missing.pcap", select="HS02")
    root = read(written(report, "junit", Terms(shortfall="too few")))
    assert [name for name, result in results(root).items() if result == "error"] == [
        ("pcapcheck", "too-few-handshakes"), ("missing.pcap", "readable"), ("b.pcap", "readable"),
    ]  # fmt: skip


def test_a_case_a_connection() -> None:
    report = check(capture(WRONG + "\nflow two" + CLEAN, "a.pcap"), str(ROOT / "sample_captures" / "one_sided.pcap"))
    root = read(written(report, "junit", Terms(junit_per="connection")))
    found = {name: result for (_, name), result in results(root).items()}
    assert found["handshake 1 192.0.2.1:40001 -> 198.51.100.2:443"] == "failure"
    assert found["handshake 2 192.0.2.1:40000 -> 198.51.100.2:443"] == "passed"
    assert Counter(found.values())["skipped"] == 2
    skipped = root.find(".//skipped")
    assert skipped is not None
    assert skipped.attrib == {
        "type": "one-sided", "message": "one-sided: the capture does not show enough to judge it",
    }  # fmt: skip


def test_hostile_names_give_valid_xml() -> None:
    name = "a\x01\x1b[31m\u202e<b>&\"']]>\n\ufffe.pcap"
    root = read(written(check(capture(WRONG, name)), "junit"))
    assert root[0].get("name") == "a\\x01\\x1b[31m\\u202e<b>&\"']]>\\n\\ufffe.pcap"


def test_many_findings_of_a_rule_are_one_case_of_bounded_length() -> None:
    root = read(written(check(capture(refused(300), "a.pcap"), select="OC01"), "junit", Terms(fail_on="warning")))
    (failure,) = root.iter("failure")
    assert failure.get("message", "").startswith("300 findings, the first: OC01 frame 2, 1: ")
    assert failure.text is not None
    assert failure.text.count("OC01 frame") == 50
    assert failure.text.endswith("\nand 250 more")


def test_failed_cases_are_kept_before_others(monkeypatch: pytest.MonkeyPatch) -> None:
    report = check(capture(CLEAN, "a.pcap"), capture(WRONG, "z.pcap"), select="HS0")
    whole = len(results(read(written(report, "junit"))))
    monkeypatch.setattr(junit, "MOST_OBJECTS", 20 + 3 * 8)
    root = read(written(report, "junit"))
    found = results(root)
    assert [name for name, result in found.items() if result == "failure"] == [
        ("z.pcap", "HS02 synack-acks-wrong-number")
    ]
    assert len(found) == 4
    (note,) = root.iterfind(".//property[@name='left-out']")
    assert note.get("value") == f"{whole - 4} passed or skipped test cases"
    monkeypatch.setattr(junit, "MOST_TEXT", 10)
    root = read(written(report, "junit"))
    (note,) = root.iterfind(".//property[@name='left-out']")
    assert note.get("value", "").endswith(", 1 texts of test cases")


def test_the_same_bytes_with_and_without_lxml() -> None:
    """junitparser takes lxml where it is installed."""
    pytest.importorskip("lxml")
    code = (
        "import sys; sys.modules.update({name: None for name in sys.argv[1].split()});"
        "from pcapcheck.cli import main; main(sys.argv[2:])"
    )
    path = capture(WRONG, "caf\u00e9\t<&>\"'.pcap")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, hidden, "check", path, "--format", "junit"],
            capture_output=True, check=False, env=environment,
        ).stdout
        for hidden in ("no_such_module", "lxml lxml.etree")
    }  # fmt: skip
    assert len(printed) == 1
    read(printed.pop().decode("ascii"))
