"""Summaries that are kept: equal to what was read, known by their content, and harmless whatever they hold."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcapcheck
from pcapcheck import state, stretch, summary_file
from pcapcheck.arguments import window
from pcapcheck.capture.compression import zstandard
from pcapcheck.capture.sources import StoredFile
from pcapcheck.cli import main
from pcapcheck.errors import UsageError
from pcapcheck.judge import judge
from pcapcheck.stretch import CaptureFacts, Summary, summarise
from pcapcheck.summary_file import Unusable, from_octets, to_octets
from tests.capture.build_captures import pcap_file

ROOT: Final = Path(__file__).parents[1]
SAMPLE: Final = ROOT / "sample_captures" / "handshakes.pcap"
CAPTURES: Final = sorted(
    path for path in [*ROOT.glob("tests/**/*.pcap*"), *ROOT.glob("sample_captures/*.pcap*")] if path.is_file()
)
KEY: Final = "key"


def parts_of(summary: Summary) -> list[Any]:
    """All of a summary but its path, as what can be compared."""
    flows = summary.openings.flows
    facts = [getattr(summary.facts, one.name) for one in fields(CaptureFacts) if one.name != "path"]
    columns = [getattr(flows, name).tolist() for name in ("low", "high", "low_port", "high_port", "tenant")]
    return [facts, list(flows.hosts), columns, summary.openings.rows.octets()]


def through_octets(summary: Summary) -> Summary:
    return from_octets(to_octets(summary, KEY), KEY, summary.facts.path)


class Failing(io.BytesIO):
    """A disk that gives these octets, and then an error."""

    def read1(self, size: int | None = -1) -> bytes:
        return self._or_error(super().read1(size))

    def readinto(self, room: Any) -> int:
        return self._or_error(super().readinto(room))

    def _or_error(self, found: Any) -> Any:
        if not found:
            raise OSError(5, "Input/output error")
        return found


@pytest.fixture(autouse=True)
def warns_anew() -> None:
    state._warn.cache_clear()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The captures that were opened to be summarised, by name."""
    names: list[str] = []
    real = stretch.open_capture

    def counting(path: str, *arguments: Any, **options: Any) -> Any:
        names.append(os.path.basename(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(stretch, "open_capture", counting)
    return names


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "x.pcap"
    path.write_bytes(SAMPLE.read_bytes())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("flows", [1, 3, 1 << 15])
def test_every_capture_comes_back_as_it_was(flows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary_file, "_FLOWS", flows)
    stored = 0
    for path in CAPTURES:
        summary = summarise(str(path))
        if not summary.facts.error:
            assert parts_of(through_octets(summary)) == parts_of(summary)
            stored += 1
    assert stored > 150


@given(st.lists(st.tuples(st.integers(24, SAMPLE.stat().st_size - 1), st.integers(0, 255)), max_size=30), st.integers())
def test_what_is_stored_comes_back(changes: list[tuple[int, int]], end: int) -> None:
    octets = bytearray(SAMPLE.read_bytes())
    for at, value in changes:
        octets[at] = value
    del octets[24 + end % len(octets) :]
    source = io.BytesIO(bytes(octets))
    with stretch.open_capture("-", source) as opened:
        summary = stretch._read(opened, stretch.reading("auto", opened, window()), lambda octets: None)
    assert parts_of(through_octets(summary)) == parts_of(summary)


@pytest.mark.parametrize(("most", "decoder"), [(2, "auto"), (7, "dpkt")])
def test_what_waited_on_disk_waits_there_again(most: int, decoder: str, folder: Path, opened: list[str]) -> None:
    plain = pcapcheck.check(SAMPLE, max_tracked=most, decoder=decoder)
    assert plain.capture_facts[0].set_aside > most
    opened.clear()
    for _ in range(2):
        report = pcapcheck.check(SAMPLE, max_tracked=most, decoder=decoder, state=folder)
        assert report.handshakes.equals(plain.handshakes)
        assert report.findings.equals(plain.findings)
        assert report.capture_facts == plain.capture_facts
    assert opened == ["handshakes.pcap"]


def test_it_is_read_once(capture: Path, folder: Path, opened: list[str]) -> None:
    reports = [pcapcheck.check(capture, state=folder) for _ in range(3)]
    assert opened == ["x.pcap"]
    assert len(entries(folder)) == 1
    plain = pcapcheck.check(capture)
    for report in reports:
        for table in ("handshakes", "findings", "causes", "captures", "hosts"):
            assert report.frame(table).equals(plain.frame(table))


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_more_file_costs_one_file(jobs: int, tmp_path: Path, folder: Path, opened: list[str]) -> None:
    octets = SAMPLE.read_bytes()
    captures = tmp_path / "captures"
    captures.mkdir()
    for number in range(5):
        (captures / f"{'abcde'[number]}.pcap").write_bytes(octets[: 5000 + number])
    pcapcheck.check(captures, state=folder, jobs=jobs)
    opened.clear()
    (captures / "new.pcap").write_bytes(octets)
    report = pcapcheck.check(captures, state=folder, jobs=jobs)
    assert opened == ["new.pcap"]
    assert report.summary() == pcapcheck.check(captures).summary()


def test_a_renamed_file_is_known_and_has_its_new_name(capture: Path, folder: Path, opened: list[str]) -> None:
    pcapcheck.check(capture, state=folder)
    other = capture.rename(capture.with_name("y.pcap"))
    report = pcapcheck.check(other, state=folder)
    assert opened == ["x.pcap"]
    assert report.capture_facts[0].path == str(other)


def test_a_changed_file_is_read_anew(capture: Path, folder: Path, opened: list[str]) -> None:
    def check() -> int:
        return pcapcheck.check(capture, state=folder).capture_facts[0].frames

    status = capture.stat()
    octets = capture.read_bytes()
    assert check() == 156
    capture.write_bytes(octets + octets[24 : 24 + 16 + 66])  # longer
    assert check() == 157
    capture.write_bytes(octets[:-1] + b"?")  # another end, at the same time
    os.utime(capture, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert check() == 156
    os.utime(capture, ns=(status.st_atime_ns, status.st_mtime_ns + 1))  # another time
    assert check() == 156
    assert opened == ["x.pcap"] * 4


def test_what_changes_the_summary_is_in_the_key(capture: Path, folder: Path, opened: list[str]) -> None:
    for options in ({}, {"window": window(ports=["443"])}, {"window": window(since="+1s")}, {"max_bytes": 5000}):
        for decoder in ("dpkt", "auto"):
            report = pcapcheck.check(capture, state=folder, decoder=decoder, **options)  # type: ignore[arg-type]
            assert report.summary() == pcapcheck.check(capture, **options).summary()  # type: ignore[arg-type]
    assert len(entries(folder)) == 4
    assert len(opened) == 4 + 8


def test_what_was_not_read_to_its_end_is_not_kept(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(octets: int) -> None:
        raise KeyboardInterrupt

    assert pcapcheck.check(SAMPLE, state=folder, progress=stop).interrupted
    text = tmp_path / "text.pcap"
    text.write_text("no capture")
    assert pcapcheck.check(text, state=folder).errors

    with monkeypatch.context() as bad:
        bad.setattr(
            "pcapcheck.capture.open_source",
            lambda path, stdin: StoredFile(Failing(Path(path).read_bytes()[:5000]), owned=True),
        )
        damage = pcapcheck.check(SAMPLE, state=folder).capture_facts[0].damage
    assert damage is not None
    assert damage.found == "a read error (input/output error)"
    assert entries(folder) == []
    assert pcapcheck.check(SAMPLE, state=folder).capture_facts[0].damage is None


def test_a_file_that_grows_while_it_is_read_is_not_kept(capture: Path, folder: Path) -> None:
    def grow(octets: int) -> None:
        with capture.open("ab") as file:
            file.write(b"more")

    pcapcheck.check(capture, state=folder, progress=grow)
    assert entries(folder) == []


def test_standard_input_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SAMPLE.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        assert pcapcheck.check("-", state=folder).outcomes().total() == 19
    assert entries(folder) == []


def test_progress_is_told_of_what_is_known(capture: Path, folder: Path) -> None:
    for _ in range(2):
        told: list[int] = []
        pcapcheck.check(capture, state=folder, progress=told.append)
        assert sum(told) == SAMPLE.stat().st_size


def test_an_interrupt_while_known_ones_are_loaded(capture: Path, folder: Path) -> None:
    def stop(octets: int) -> None:
        raise KeyboardInterrupt

    pcapcheck.check([capture, SAMPLE], state=folder)
    report = pcapcheck.check([capture, SAMPLE], state=folder, progress=stop)
    assert report.interrupted
    assert len(report.capture_facts) == 1


def test_a_folder_of_captures_can_be_the_place(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        assert main(["check", str(capture.parent), "--state", str(capture.parent), "--format", "json"]) == 1
        printed.append(capsys.readouterr())
    assert printed[0] == printed[1]
    assert printed[0].err == ""


def test_two_runs_at_the_same_time_share_it(folder: Path) -> None:
    plain = pcapcheck.check(SAMPLE.parent).summary()
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: pcapcheck.check(SAMPLE.parent, state=folder, jobs=2), range(4)))
    assert [report.summary() for report in reports] == [plain] * 4
    assert {path.suffix for path in entries(folder)} == {".summary"}


def test_commands_that_keep_it(capture: Path, folder: Path, opened: list[str], tmp_path: Path) -> None:
    where = ["--state", str(folder)]
    assert main(["check", "-q", str(capture), *where]) == 1
    assert main(["rtt", str(capture), *where]) == 0
    assert main(["show", str(capture), "--handshake", "1", *where]) == 0
    assert main(["baseline", str(capture), *where]) == 0
    assert main(["report", str(capture), "-o", str(tmp_path / "x.md"), *where]) == 0
    assert opened == ["x.pcap"]


def test_files_of_one_capture(tmp_path: Path, folder: Path, opened: list[str]) -> None:
    with stretch.open_capture(str(SAMPLE)) as capture:
        frames = list(capture)
    for name, part in (("x.pcap", frames[:70]), ("x.pcap1", frames[70:])):
        (tmp_path / name).write_bytes(pcap_file(part))
    paths = [tmp_path / "x.pcap", tmp_path / "x.pcap1"]
    plain = pcapcheck.check(paths)
    opened.clear()
    for _ in range(2):
        report = pcapcheck.check(paths, state=folder)
        assert report.handshakes.equals(plain.handshakes)
        assert len(report.capture_facts) == 1
    assert opened == ["x.pcap", "x.pcap1"]


def test_merged_files_have_no_state_of_their_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(SAMPLE), "--merge", "--state", str(folder)]) == 2
    assert "no state of each" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_none(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["check", str(SAMPLE), "--state", place]) == 2
    assert capsys.readouterr().err.startswith(f"pcapcheck: --state {place}: ")
    with pytest.raises(UsageError):
        pcapcheck.check(SAMPLE, state=place)


def test_a_full_disk_is_told_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*arguments: object) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "to_octets", full)
    report = pcapcheck.check(SAMPLE.parent, state=folder)
    assert report.summary() == pcapcheck.check(SAMPLE.parent).summary()
    assert [record.message for record in caplog.records] == [
        f"pcapcheck: --state {folder}: an entry cannot be written: No space left on device"
    ]
    assert entries(folder) == []


def damaged(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """What an entry may be instead, and what is said of it."""
    start = len(b"pcapcheck summary 1\n") + 32
    yield "is no summary of this version", b""
    yield "is no summary of this version", b"pcapcheck summary 0\n" + octets[20:]
    yield "is no summary of this version", pickle.dumps({"facts": 1})
    yield "is damaged", octets[:start]
    yield "is damaged", octets[:-1]
    yield "is damaged", octets + b"x"
    yield "is damaged", octets[:200] + b"?" + octets[201:]
    yield "is of another version", with_head(octets, version="0.0.1")
    yield "is of another capture", with_head(octets, key="another")
    yield "is damaged", with_head(octets, facts={"frames": "156"})
    yield "is damaged", with_head(octets, facts={"frames": 2**70})
    yield "is damaged", with_head(octets, facts={"format": "\x1b[2J"})
    yield "is damaged", with_head(octets, facts={"skipped": {"magic": 1}})
    yield "is damaged", with_head(octets, facts={"error": None})
    yield "is damaged", with_head(octets, facts={"__class__": "os"})
    yield "is damaged", with_head(octets, batches=[[2**40, 0, 2**40, 2**40, 10]])
    yield "is damaged", with_head(octets, batches=[[1, 0, 1, 1, 10**9]])
    yield "is damaged", with_head(octets, batches=7)


def with_head(octets: bytes, **changes: Any) -> bytes:
    """The entry with something else in its head, and the digest that then is right."""
    start = len(b"pcapcheck summary 1\n") + 32
    (length,) = struct.unpack_from("<I", octets, start)
    head = json.loads(octets[start + 4 : start + 4 + length]) | changes
    return sealed(json.dumps(head).encode(), octets[start + 4 + length :])


def sealed(head: bytes, rest: bytes) -> bytes:
    whole = struct.pack("<I", len(head)) + head + rest
    return b"pcapcheck summary 1\n" + hashlib.sha256(whole).digest() + whole


def test_a_damaged_entry_is_told_in_one_line_and_read_anew(capture: Path, folder: Path) -> None:
    plain = pcapcheck.check(capture, state=folder).summary()
    (entry,) = entries(folder)
    good = entry.read_bytes()
    # Its key is of this file, so the entry that is tried has it.
    for words, octets in damaged(good):
        state._warn.cache_clear()
        entry.write_bytes(octets)
        with caught() as lines:
            assert pcapcheck.check(capture, state=folder).summary() == plain
        assert lines == [f"pcapcheck: --state {folder}: an entry {words}: the capture is read again"]
        assert entry.read_bytes() == good


class caught(logging.Handler):
    """The lines that go to the log."""

    def __enter__(self) -> list[str]:
        self.lines: list[str] = []
        logging.getLogger("pcapcheck").addHandler(self)
        return self.lines

    def __exit__(self, *_: object) -> None:
        logging.getLogger("pcapcheck").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_it_goes_to_standard_error(capture: Path, folder: Path) -> None:
    def check() -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "pcapcheck", "check", "-q", str(capture), "--state", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout, done.stderr

    first = check()
    entries(folder)[0].write_bytes(b"pcapcheck summary")
    assert check() == (
        first[0],
        f"pcapcheck: --state {folder}: an entry is no summary of this version: the capture is read again\n",
    )
    assert check() == first


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to itself", "link to nothing"])
def test_an_entry_that_is_no_file(kind: str, capture: Path, folder: Path) -> None:
    plain = pcapcheck.check(capture, state=folder).summary()
    (entry,) = entries(folder)
    entry.unlink()
    if kind == "folder":
        entry.mkdir()
    elif kind == "pipe":
        os.mkfifo(entry)
    else:
        entry.symlink_to(entry.name if kind.endswith("itself") else "nothing")
    assert pcapcheck.check(capture, state=folder).summary() == plain


SUMMARY: Final = summarise(str(SAMPLE))
OCTETS: Final = to_octets(SUMMARY, KEY)


@given(st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4))
@settings(max_examples=300)
def test_hostile_columns_are_refused_or_judged(changes: list[tuple[int, bytes]]) -> None:
    """Octets of the columns are overwritten, and the digest is right: refused, or a summary that can be judged."""
    start = len(b"pcapcheck summary 1\n") + 32
    (length,) = struct.unpack_from("<I", OCTETS, start)
    head = json.loads(OCTETS[start + 4 : start + 4 + length])
    columns = bytearray(zstandard().decompress(OCTETS[start + 4 + length :]))
    for number, octets in changes:
        at = number % (len(columns) - len(octets))
        columns[at : at + len(octets)] = octets
    packed = zstandard().compress(bytes(columns), 1)
    head["batches"][0][-1] = len(packed)
    try:
        found = from_octets(sealed(json.dumps(head).encode(), packed), KEY, "x.pcap")
    except Unusable:
        return
    judge(found.openings, 0, found.facts.end_time)


@given(st.binary(max_size=400), st.integers(0, 400))
def test_hostile_octets_are_refused(octets: bytes, at: int) -> None:
    start = len(b"pcapcheck summary 1\n") + 32
    rest = bytearray(OCTETS[start:])
    rest[at : at + len(octets)] = octets
    whole = bytes(rest)
    try:
        found = from_octets(b"pcapcheck summary 1\n" + hashlib.sha256(whole).digest() + whole, KEY, "x.pcap")
    except Unusable:
        return
    judge(found.openings, 0, found.facts.end_time)
