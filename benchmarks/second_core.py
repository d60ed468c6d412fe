"""What a second core gives: ``python benchmarks/second_core.py mix:1e7 short:1e7``.

Each capture is read, checked alone, and checked beside a second file of the same octets, with ``--jobs 1`` and
``--jobs 2``; the runs take turns. Beside them stand two processes with one job each that do the same at the same time:
half of what they take is what a second core of this machine allows just then, with whatever else it does.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from compare import title
from measuring.captures import generated
from measuring.page import mebibytes, put, seconds, table
from measuring.programs import PCAPCHECK
from measuring.run import Usage, run

_READING: Final = """
import sys
from pcapcheck.side_by_side import summarise

summarise(sys.argv[2], jobs=int(sys.argv[1]))
"""
HEAD: Final = [
    "what", "wall s, 1 job", "2 jobs", "least 1", "least 2", "2 of 1", "a second core allows", "CPU s, 1 job",
    "2 jobs", "peak MiB, 1 job", "2 jobs",
]  # fmt: skip

Command = Callable[[int], list[str]]


@dataclass
class Runs:
    """Of one thing: with one job, with two, and the wall clock of two processes at once."""

    one: list[Usage] = field(default_factory=list)
    two: list[Usage] = field(default_factory=list)
    both: list[float] = field(default_factory=list)

    def row(self, what: str) -> list[str]:
        ratio = statistics.median(two.wall / one.wall for one, two in zip(self.one, self.two, strict=True))
        allowed = statistics.median(both / 2 / one.wall for one, both in zip(self.one, self.both, strict=True))
        sides = (self.one, self.two)
        return [
            what,
            *(seconds(statistics.median(one.wall for one in side)) for side in sides),
            *(seconds(min(one.wall for one in side)) for side in sides),
            f"{ratio:.2f}",
            f"{allowed:.2f}",
            *(seconds(statistics.median(one.cpu for one in side)) for side in sides),
            *(mebibytes(max(one.peak for one in side)) for side in sides),
        ]


def at_once(command: Sequence[str]) -> float:
    """Seconds until two processes of the command, begun together, are done."""
    start = time.perf_counter()
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    for child in children:
        if child.wait():
            raise subprocess.CalledProcessError(child.returncode, command)
    return time.perf_counter() - start


def commands(path: Path, again: Path) -> dict[str, Command]:
    return {
        "reading alone": lambda jobs: [sys.executable, "-c", _READING, str(jobs), str(path)],
        "check of one file": lambda jobs: [*PCAPCHECK, "--jobs", str(jobs), str(path)],
        "check of two files": lambda jobs: [*PCAPCHECK, "--no-sequence", "--jobs", str(jobs), str(path), str(again)],
    }


def second_core(asked: Sequence[str], rounds: int) -> str:
    """A table for each ``KIND:PACKETS``."""
    tables = []
    for one in asked:
        kind, _, packets = one.partition(":")
        with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
            capture = generated(kind, Path(folder), ["--packets", packets])
            again = Path(folder) / "again.pcap"
            shutil.copyfile(capture.path, again)  # a link would be known for the same file
            runs: dict[str, Runs] = {}
            for number in range(rounds):
                for what, command in commands(capture.path, again).items():
                    print(f"{one}: round {number + 1} of {rounds}: {what}", file=sys.stderr)
                    found = runs.setdefault(what, Runs())
                    found.one.append(run(command(1)))
                    found.two.append(run(command(2)))
                    found.both.append(at_once(command(1)))
            rows = [found.row(what) for what, found in runs.items()]
            tables.append(f"{title(capture)}\n\n{table(HEAD, rows)}")
    return "\n\n".join(tables)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="KIND:PACKETS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--into", type=Path, help="put the tables into this page")
    arguments = parser.parse_args()
    text = second_core(arguments.captures, arguments.rounds)
    print(text)
    if arguments.into:
        put(arguments.into, "second-core", text)


if __name__ == "__main__":
    main()
