"""Kills runs that write every output, at random moments: ``python -m tests.failures.kill --times 1000``.

After each kill every output must be absent, the old one, or the whole new one. Half of the kills come any time in the
run, half after the first output was begun. With ``--signal INT`` outputs must also be whole lines, and the exit code
130 or that of a run that was done already.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from pcapcheck import charts  # noqa: F401  (loaded once, not in every run)
from pcapcheck.capture import open_capture
from pcapcheck.cli import main as pcapcheck
from pcapcheck.report.output import FORMATS
from tests.capture.build_captures import pcap_file

ROOT: Final = Path(__file__).parents[2]
OLD: Final = b"what was here before\n"
COPIES: Final = 40  # of a capture with 50 handshakes: writing takes as long as reading


def large_capture(folder: Path) -> Path:
    """Many handshakes in one capture, each copy with other client addresses."""
    with open_capture(str(ROOT / "sample_captures" / "handshakes.pcap")) as capture:
        frames = list(capture)
    copies = []
    for number in range(COPIES):
        for frame in frames:
            data = bytearray(frame.data)
            for at in (26, 30):  # the addresses behind Ethernet; checksums are then wrong, which is only noted
                data[at + 2] = (data[at + 2] + number) % 256
            copies.append(frame._replace(data=bytes(data), time_ns=frame.time_ns + number * 1000))
    path = folder / "large.pcap"
    path.write_bytes(pcap_file(copies))
    return path


def run_and_kill(arguments: list[str], kill_with: int, delay: float, begun: Path | None) -> int:
    """One run in a process of its own; ``delay`` counts from the first new file in ``begun`` where that is given."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            sys.stdout = io.TextIOWrapper(io.FileIO(1, "w"))
            code = pcapcheck(arguments)
        except KeyboardInterrupt:  # before or behind what the command itself takes care of
            code = 130
        finally:
            os._exit(code)
    if begun is not None:
        while not any(name.startswith(".") for name in os.listdir(begun)):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.0005)
    time.sleep(delay)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, kill_with)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--signal", choices=["KILL", "INT"], default="KILL")
    parser.add_argument("--seed", default="0")
    options = parser.parse_args(words)
    random, states = Random(options.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        capture, folder = large_capture(Path(name)), Path(name) / "out"
        folder.mkdir()
        outputs = {format: folder / f"report.{format}" for format in FORMATS}
        arguments = ["check", str(capture), "--quiet", "--exit-zero"]
        arguments += [word for format, path in outputs.items() for word in ("-o", f"{format}:{path}")]
        begun = time.monotonic()
        assert run_and_kill(arguments, signal.SIGCONT, 0, None) == 0
        seconds = time.monotonic() - begun
        new = {format: path.read_bytes() for format, path in outputs.items()}
        for number in range(options.times):
            for path in folder.iterdir():
                path.unlink()
            if number % 2:
                for path in outputs.values():
                    path.write_bytes(OLD)
            late = number % 4 >= 2
            delay = random.uniform(0, seconds / 2 if late else seconds)
            code = run_and_kill(arguments, getattr(signal, f"SIG{options.signal}"), delay, folder if late else None)
            expected = {0, -signal.SIGKILL} if options.signal == "KILL" else {0, 130}
            if code not in expected:
                print(f"run {number}: exit code {code}", file=sys.stderr)
                return 1
            for format, path in outputs.items():
                state = state_of(path, new[format], partial=options.signal == "INT")
                states[state] += 1
                if state == "torn":
                    print(f"run {number}: {format} is torn: {path.read_bytes()[:200]!r}", file=sys.stderr)
                    return 1
    found = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    print(f"{options.times} runs ended by SIG{options.signal}: outputs {found}")
    return 0


def state_of(path: Path, new: bytes, *, partial: bool) -> str:
    """Whether an output is absent, old, new, or none of these. After Ctrl-C it may be a whole report of less."""
    if not path.exists():
        return "absent"
    octets = path.read_bytes()
    if octets in (OLD, new):
        return "old" if octets == OLD else "new"
    if partial and octets.endswith(b"\n") and (path.suffix != ".csv" or octets[:50] == new[:50]):
        return "partial"
    return "torn"


if __name__ == "__main__":
    sys.exit(main())
