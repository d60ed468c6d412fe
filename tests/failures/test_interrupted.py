"""Ctrl-C: what was read is judged and printed, marked as partial; a second one ends at once."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SAMPLE: Final = (ROOT / "sample_captures" / "handshakes.pcap").read_bytes()
HEADER: Final = SAMPLE[:24]
FRAME: Final = SAMPLE[24 : 24 + 16 + struct.unpack_from("<I", SAMPLE, 24 + 8)[0]]
# pytest may have been started where Ctrl-C is ignored.
RUN: Final = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pcapcheck.cli import main
sys.exit(main())
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A check of a capture on standard input that has not ended, which also writes a file."""
    arguments = ["check", "-", "--quiet", "--select", "HS02", "-o", f"csv:{tmp_path / 'out.csv'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    yield process
    process.kill()
    process.communicate()


def wait_until_read(process: subprocess.Popen[bytes]) -> None:
    """The pipe is empty, and the process sleeps in its next read."""
    assert process.stdin is not None
    import array
    import fcntl
    import termios

    unread = array.array("i", [1])
    while unread[0] and process.poll() is None:
        fcntl.ioctl(process.stdin, termios.FIONREAD, unread)
        time.sleep(0.02)
    time.sleep(0.3)


def test_once_while_it_reads(reading: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert reading.stdin is not None
    reading.stdin.write(HEADER + FRAME * 3000)
    reading.stdin.flush()
    wait_until_read(reading)
    reading.send_signal(signal.SIGINT)

    def go_on() -> None:
        assert reading.stdin is not None
        try:
            while True:
                reading.stdin.write(FRAME * 100)
        except BrokenPipeError:
            pass

    writer = threading.Thread(target=go_on, daemon=True)
    writer.start()
    assert reading.wait(30) == 130
    writer.join(10)
    assert reading.stdout is not None
    assert reading.stderr is not None
    assert reading.stdout.read().startswith(b"PARTIAL: interrupted; what was read by then is judged.\n1 handshake")
    assert reading.stderr.read() == b"pcapcheck: interrupted: what was read by then is judged\n"
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


def test_twice_while_nothing_comes(reading: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert reading.stdin is not None
    reading.stdin.write(HEADER + FRAME * 10)
    reading.stdin.flush()
    wait_until_read(reading)
    reading.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert reading.poll() is None
    reading.send_signal(signal.SIGINT)
    assert reading.wait(30) == 130
    assert reading.stdout is not None
    assert reading.stdout.read().startswith(b"PARTIAL: interrupted; what was read by then is judged.\n1 handshake")
    assert (tmp_path / "out.csv").exists()
