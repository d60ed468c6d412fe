"""All outputs together: one exit code whatever the format, the same bytes whatever the hashes, a bound to each."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pcapcheck.cli import main
from pcapcheck.report.formats import FILES_ONLY, FORMATS
from tests.report import test_github, test_gitlab, test_json_document, test_junit, test_sarif
from tests.report.ci import CLEAN, ROOT, WRONG, capture

# Parquet is none of a CI's.
OUTPUTS = [*FORMATS, *(name for name in FILES_ONLY if name not in ("parquet", "dataset"))]
RUNS = {
    "clean": (["clean.pcap"], 0),
    "findings": (["wrong.pcap", "clean.pcap"], 1),
    "too few": (["arp.pcap", "--require-handshakes", "1"], 1),
    "unreadable": (["text.pcap"], 2),
    "missing": (["missing.pcap"], 2),
    "mixed": (["wrong.pcap", "text.pcap", "missing.pcap", "clean.pcap"], 2),
    "no capture": (["empty"], 2),
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    capture(CLEAN, "clean.pcap")
    capture(WRONG, "wrong.pcap")
    capture("+0 arp", "arp.pcap")
    Path("text.pcap").write_text("hello\n")
    Path("empty").mkdir()


def read(format: str, text: str) -> None:
    """Raise where the output's own reader does not take it."""
    readers = {
        "json": test_json_document.read, "sarif": test_sarif.read, "junit": test_junit.read,
        "github": test_github.read, "gitlab": test_gitlab.read,
    }  # fmt: skip
    readers.get(format, str)(text)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("format", OUTPUTS)
def test_the_exit_code_is_that_of_the_run(format: str, run: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, code = RUNS[run]
    assert main(["check", *arguments, "--select", "HS02", "-o", f"{format}:out"]) == code
    capsys.readouterr()
    read(format, Path("out").read_text())
    if format in FORMATS:
        assert main(["check", *arguments, "--select", "HS02", "--format", format]) == code
        printed = capsys.readouterr().out
        if format != "text" or code != 2:
            assert printed == Path("out").read_text()


def test_the_same_bytes_whatever_the_hashes_and_the_day() -> None:
    """Every output of a run over all samples, from processes that hash differently, at other times and places."""
    written = set()
    for seed in range(5):
        folder = Path(f"run{seed}")
        folder.mkdir()
        outputs = [option for name in OUTPUTS for option in ("-o", f"{name}:{folder}/{name}")]
        environment = {
            **os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT), "TZ": f"UTC{seed}",
            "LC_ALL": ("C", "C.UTF-8")[seed % 2], "COLUMNS": str(40 + seed),
        }  # fmt: skip
        jobs = ["--jobs", str(1 + seed % 3)]
        arguments = ["check", "samples", "--verbose", "--with-handshakes", *jobs, *outputs]
        if not Path("samples").exists():
            Path("samples").symlink_to(ROOT / "sample_captures")
        done = subprocess.run(
            [sys.executable, "-m", "pcapcheck", *arguments], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 1, done.stderr
        assert sorted(path.name for path in folder.iterdir()) == sorted(OUTPUTS)
        written.add(tuple((folder / name).read_bytes() for name in OUTPUTS))
    assert len(written) == 1


def ten_thousand(path: str) -> None:
    """10,000 refused attempts of as many clients, a minute apart: the octets of one with other addresses and times."""
    capture("server 198.51.100.2:80\n+0 > S 0 win 64240\n+.01 < R. 0 ack 1", "one.pcap")
    octets = Path("one.pcap").read_bytes()
    first = 24 + 16 + int.from_bytes(octets[32:36], "little")
    records = (bytearray(octets[24:first]), bytearray(octets[first:]))
    with open(path, "wb") as out:
        out.write(octets[:24])
        for number in range(10_000):
            for record, at in zip(records, (16 + 14 + 12, 16 + 14 + 16), strict=True):
                record[at : at + 4] = bytes((10, 0, number >> 8, number & 255))
                seconds = 1_700_000_000 + 60 * number
                record[0:4] = seconds.to_bytes(4, "little")
                out.write(record)


def test_ten_thousand_findings(capsys: pytest.CaptureFixture[str]) -> None:
    """Every output is within its consumer's limits, and says what it leaves out."""
    ten_thousand("many.pcap")
    outputs = [option for name in OUTPUTS for option in ("-o", f"{name}:out.{name}")]
    assert main(["check", "many.pcap", "--select", "OC01", "--fail-on", "warning", *outputs]) == 1
    capsys.readouterr()
    text = {name: Path(f"out.{name}").read_text() for name in OUTPUTS}
    for name in OUTPUTS:
        read(name, text[name])

    assert len(text["github"].splitlines()) == 10
    assert "and 9991 more warnings that GitHub would not show: OC01 (9991)" in text["github"]

    assert len(text["github-summary"].encode()) <= 900_000
    assert "and 9960 more" in text["github-summary"]

    assert len(json.loads(text["gitlab"])) == 10_000
    assert len(text["gitlab"]) < 10_000_000

    results = json.loads(text["sarif"])["runs"][0]["results"]
    assert len(results) == 10_000
    # GitHub takes 10 MB: so 25,000 of them fit, too.
    assert len(gzip.compress(text["sarif"].encode(), mtime=0)) < 10_000_000 * 10_000 / 25_000

    (failure,) = ElementTree.fromstring(text["junit"]).iter("failure")
    assert failure.text is not None
    assert failure.text.endswith("\nand 9950 more")
    assert len(json.loads(text["json"])["findings"]) == 10_000


def test_ten_thousand_connections_in_junit(capsys: pytest.CaptureFixture[str]) -> None:
    """A failed case costs more than a passed one; those that do not fit are counted."""
    ten_thousand("many.pcap")
    options = ["--select", "OC01", "--fail-on", "warning", "--junit-per", "connection", "--format", "junit"]
    assert main(["check", "many.pcap", *options]) == 1
    root = test_junit.read(capsys.readouterr().out)
    assert len(list(root.iter("failure"))) == 10_000
    (note,) = root.iterfind(".//property[@name='left-out']")
    assert note.get("value") == "2 passed or skipped test cases"
