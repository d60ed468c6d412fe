"""Every write to standard output in turn fails: a full disk is an error, a reader that went away is not."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from pcapcheck.cli import main

ROOT: Final = Path(__file__).parents[2]
SAMPLE: Final = str(ROOT / "sample_captures" / "handshakes.pcap")
COMMANDS: Final = [
    ["check", SAMPLE, "--exit-zero"],
    ["check", SAMPLE, "--exit-zero", "--format", "jsonl"],
    ["check", SAMPLE, "--exit-zero", "--format", "csv"],
    ["show", SAMPLE, "--handshake", "1"],
    ["rtt", SAMPLE],
    ["info", SAMPLE],
    ["info", SAMPLE, "--format", "json"],
    ["explain", "HS02"],
    ["rules"],
    ["--version"],
]


class Failing(io.RawIOBase):
    """Standard output whose n-th write fails, and which takes 300 octets at a time."""

    def __init__(self, fails_at: int, code: int, number: int) -> None:
        self.fails_at, self.code, self.number, self.writes, self.octets = fails_at, code, number, 0, b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.number

    def write(self, octets: Any) -> int:
        if self.writes == self.fails_at:
            raise OSError(self.code, os.strerror(self.code))  # Python makes it a BrokenPipeError where it is one
        self.writes += 1
        self.octets += bytes(octets)[:300]
        return min(len(octets), 300)


@pytest.fixture
def some_file() -> Iterator[int]:
    number = os.open(os.devnull, os.O_WRONLY)
    yield number
    os.close(number)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: " ".join(words).replace(SAMPLE, "x"))
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EPIPE])
def test_each_write_to_standard_output(
    arguments: list[str], code: int, some_file: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Failing(-1, code, some_file)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(whole, 500)))
    assert main(arguments) == 0
    assert whole.writes > 0
    capsys.readouterr()
    step = max(1, whole.writes // 8)
    for fails_at in [*range(0, whole.writes, step), whole.writes - 1]:
        out = Failing(fails_at, code, some_file)
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(out, 500)))
        result = main(arguments)
        out.fails_at = -1  # Python flushes what is left when the stand-in goes
        assert whole.octets.startswith(out.octets)
        if code == errno.EPIPE:
            assert (result, capsys.readouterr().err) == (0, "")
        else:
            assert (result, capsys.readouterr().err) == (2, "pcapcheck: output: No space left on device\n")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_chart_that_does_not_fit_leaves_the_old_one(suffix: str, tmp_path: Path) -> None:
    chart = tmp_path / f"rtt.{suffix}"
    chart.write_text("old")

    done = subprocess.run(
        [sys.executable, "-B", "-c", f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pcapcheck import charts
from pcapcheck.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.exit(main(["rtt", {SAMPLE!r}, "-o", {str(chart)!r}]))
"""],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, f"pcapcheck: cannot write {chart}: File too large\n")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(chart.name, "old")]
