"""Fingerprints: the same after trimming, re-recording and moving, never the same for two findings of a run."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

import pcapcheck
from pcapcheck.report.fingerprint import fingerprint, fingerprinted
from pcapcheck.report.places import inside, namer, project_root
from pcapcheck.testing import parse_exchange

# A wrong SYN-ACK, then a refused attempt; frames before them that trimming takes away.
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
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(text: str, path: str = "a.pcap", **options: int) -> dict[str, str]:
    """Fingerprint by rule, of rules that find one thing each."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    parse_exchange(text).write_pcap(Path(path), **options)
    report = pcapcheck.check(path, select=["HS02", "OC01"])
    pairs = [(finding.rule.id, mark) for finding, mark in fingerprinted(report)]
    assert [rule for rule, _ in pairs] == ["HS02", "OC01"]
    return dict(pairs)


def test_what_it_is_made_of() -> None:
    expected = sha256(b"HS02\0a.pcap\x00192.0.2.1\x00198.51.100.2\x00443\x000").hexdigest()
    assert fingerprint("HS02", "a.pcap", "192.0.2.1", "198.51.100.2", 443, 0) == expected
    assert found(RECORDED)["HS02"] == expected
    assert (
        fingerprint("CAP01", "caf\udce9.pcap", "", "", None, 2) == sha256(b"CAP01\0caf\xe9.pcap\0\0\0\x002").hexdigest()
    )


def test_it_survives_a_new_recording() -> None:
    """Other times, client ports, initial sequence numbers, frames: the same fingerprints."""
    again = (
        RECORDED.replace("isn 1000 2000", "isn 4294967295 7")
        .replace(":4000", ":5123")
        .replace("+.02", "+.3")
        .replace("flow wrong", "flow another\nclient 192.0.2.9:1\nserver 192.0.2.8:2\n+3 > S 0 win 1\nflow wrong")
    )
    assert found(again) == found(RECORDED)


def test_it_survives_trimming() -> None:
    trimmed = "flow wrong" + RECORDED.partition("flow wrong")[2]
    assert found(trimmed) == found(RECORDED)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("client 192.0.2.1:40001", "client 192.0.2.5:40001"),
        (":443", ":8443"),
        ("server 198.51.100.2:443", "server 198.51.100.9:443"),
    ],
)
def test_other_ends_are_another_finding(old: str, new: str) -> None:
    before, after = found(RECORDED), found(RECORDED.replace(old, new))
    assert before["HS02"] != after["HS02"]
    assert before["OC01"] == after["OC01"]


def test_findings_that_are_alike_are_numbered() -> None:
    def refused(attempts: int) -> list[str]:
        lines = ["server 198.51.100.2:80"]
        for number in range(attempts):
            lines += [
                f"flow f{number}",
                f"client 192.0.2.1:{40000 + number}",
                f"+{number} > S 0 win 1",
                "+.01 < R. 0 ack 1",
            ]
        parse_exchange("\n".join(lines)).write_pcap(Path("a.pcap"))
        return [mark for _, mark in fingerprinted(pcapcheck.check("a.pcap", select=["OC01"]))]

    three = refused(3)
    assert len(set(three)) == 3
    assert refused(2) == three[:2]


def test_all_findings_of_the_samples_differ() -> None:
    samples = Path(__file__).resolve().parents[2] / "sample_captures"
    marks = [mark for _, mark in fingerprinted(pcapcheck.check(samples))]
    assert len(marks) > 50
    assert len(set(marks)) == len(marks)


def test_the_name_of_a_capture_is_that_in_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = found(RECORDED, "captures/a.pcap")
    assert found(RECORDED, "./captures/a.pcap") == expected
    assert found(RECORDED, "captures/../captures/a.pcap") == expected
    assert found(RECORDED, str(tmp_path / "captures" / "a.pcap")) == expected
    assert found(RECORDED, "a.pcap") != expected
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert found(RECORDED, "../../captures/a.pcap") == expected


def test_another_root() -> None:
    parse_exchange(RECORDED).write_pcap(Path("a.pcap"))
    report = pcapcheck.check("a.pcap", select=["HS02"])
    ((_, mark),) = fingerprinted(report, namer(str(Path.cwd().parent)))
    assert mark == fingerprint("HS02", f"{Path.cwd().name}/a.pcap", "192.0.2.1", "198.51.100.2", 443, 0)


def test_project_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "sub")
    assert project_root() == str(tmp_path / "project" / "sub")
    (tmp_path / "project" / ".git").write_text("gitdir: elsewhere\n")  # a worktree's
    assert project_root() == str(tmp_path / "project")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.pcap", "a.pcap"),
        ("./b/../a.pcap", "a.pcap"),
        ("sub/a b.pcap", "sub/a b.pcap"),
        ("..a/x.pcap", "..a/x.pcap"),
        ("../a.pcap", None),
        ("/elsewhere/a.pcap", None),
        ("-", None),
        ("../nul\0.pcap", None),
    ],
)
def test_inside(path: str, expected: str | None, tmp_path: Path) -> None:
    assert inside(path, str(tmp_path)) == expected
    assert inside(str(tmp_path / "a.pcap"), str(tmp_path)) == "a.pcap"


def test_a_link_to_the_project_is_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "real")
    assert inside(str(tmp_path / "link" / "a.pcap"), project_root()) == "a.pcap"
    # A capture that is a link keeps its own name.
    (tmp_path / "real" / "latest.pcap").symlink_to(tmp_path / "elsewhere.pcap")
    assert inside("latest.pcap", project_root()) == "latest.pcap"


def test_outside_of_the_project_a_path_stays_as_given() -> None:
    name = namer()
    assert [name(path) for path in ("-", "/elsewhere/./a.pcap", "../x/../a.pcap")] == [
        "-",
        "/elsewhere/a.pcap",
        "../a.pcap",
    ]
