"""One run of one program, measured by the kernel. No NumPy here: a child's peak memory is never below its parent's."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Failed(Exception):
    """A program did not come to a good end."""


@dataclass(frozen=True)
class Usage:
    """Seconds, and octets of resident memory at the peak, of a process and those it waited for."""

    user: float
    system: float
    wall: float
    peak: int

    @property
    def cpu(self) -> float:
        return self.user + self.system


def run(command: Sequence[str], feed: Sequence[str] | None = None, output: Path | None = None) -> Usage:
    """Run a program to its end; ``feed`` is another whose output it reads, and which is not measured.

    What it prints goes to the file ``output``, if one is named.

    Raises Failed where either fails.
    """
    source = subprocess.Popen(list(feed), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) if feed else None
    start = time.perf_counter()
    with open(output or os.devnull, "wb") as printed:
        child = subprocess.Popen(
            command,
            stdin=source.stdout if source else subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.DEVNULL,
        )
    if source and source.stdout:
        source.stdout.close()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if source and feed and source.wait():
        raise Failed(f"{feed[0]} ended with {source.returncode}")
    if child.returncode:
        raise Failed(f"{command[0]} ended with {child.returncode}")
    return Usage(used.ru_utime, used.ru_stime, wall, used.ru_maxrss * 1024)


def warm(path: Path) -> None:
    """Read a file once, so that it is in the page cache."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


@dataclass(frozen=True)
class Figures:
    """Several runs of one program."""

    cpu: float  # medians
    cpu_least: float
    wall: float
    peak: int
    runs: int


def figures_of(runs: Sequence[Usage]) -> Figures:
    return Figures(
        cpu=statistics.median(one.cpu for one in runs),
        cpu_least=min(one.cpu for one in runs),
        wall=statistics.median(one.wall for one in runs),
        peak=max(one.peak for one in runs),
        runs=len(runs),
    )
