"""An audit that is killed goes on where it stopped: the same bytes, and nothing that was done is read again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from pcapcheck import stretch
from pcapcheck.capture import open_capture
from pcapcheck.cli import main
from tests.capture.build_captures import pcap_file

ROOT: Final = Path(__file__).parents[2]
FILES: Final = 24
DONE: Final = 10  # before the run comes to the one that never ends
KILLS: Final = 5
_ENTRY: Final = re.compile(r"\.[0-9a-f]{64}\.summary")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def captures(tmp_path: Path) -> list[Path]:
    """Captures, each with other client addresses."""
    with open_capture(str(ROOT / "sample_captures" / "handshakes.pcap")) as capture:
        frames = list(capture)
    paths = []
    for number in range(FILES):
        changed = [frame._replace(data=frame.data[:28] + bytes([number]) + frame.data[29:]) for frame in frames]
        paths.append(tmp_path / f"host{chr(ord('a') + number)}.pcap")
        paths[-1].write_bytes(pcap_file(changed))
    return paths


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The captures that were opened to be summarised."""
    names: list[str] = []
    real: Callable[..., Any] = stretch.open_capture

    def counting(path: str, *arguments: Any, **options: Any) -> Any:
        names.append(path)
        return real(path, *arguments, **options)

    monkeypatch.setattr(stretch, "open_capture", counting)
    return names


def arguments(captures: list[Path], *options: str) -> list[str]:
    return ["check", *map(str, captures), "--exit-zero", "--format", "jsonl", *options]


def started(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pcapcheck", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def entries(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if _ENTRY.fullmatch(name)] if folder.exists() else []


def test_a_killed_audit_goes_on(
    captures: list[Path], tmp_path: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(captures)) == 0
    uninterrupted = capsys.readouterr()
    state = tmp_path / "state"
    # In the middle of the run one capture never ends: a pipe that nobody writes to.
    octets, pipe = captures[DONE].read_bytes(), captures[DONE]
    pipe.unlink()
    os.mkfifo(pipe)
    run = started(arguments(captures, "--state", str(state)))
    while len(entries(state)) < DONE:
        assert run.poll() is None
        time.sleep(0.01)
    run.kill()
    assert run.wait() == -signal.SIGKILL
    run.communicate()
    pipe.unlink()
    pipe.write_bytes(octets)
    opened.clear()
    for expected in (captures[DONE:], []):
        assert main(arguments(captures, "--state", str(state))) == 0
        assert capsys.readouterr() == uninterrupted
        assert opened == list(map(str, expected))
        opened.clear()
    assert len(entries(state)) == FILES


def test_killed_at_any_moment(captures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(captures)) == 0
    uninterrupted = capsys.readouterr()
    state, random = tmp_path / "state", Random(0)
    for _ in range(KILLS):
        before = len(entries(state))
        run = started(arguments(captures, "--state", str(state)))
        while len(entries(state)) == before and run.poll() is None and before < FILES:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.02))
        run.kill()
        _, said = run.communicate()
        assert said == b""  # nothing that an earlier one left behind is damaged
        assert len(entries(state)) >= before
    assert main(arguments(captures, "--state", str(state))) == 0
    assert capsys.readouterr() == uninterrupted
