"""Sets pcapcheck beside other programs on the same captures: ``python benchmarks/compare.py --scale 0.1``.

The programs take turns (A B C, A B C, ...), so that what else the machine does meets all of them. Prints, as Markdown,
the CPU seconds (user and system), the wall clock, the peak memory, and the CPU in relation to that of tcpdump.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from measuring.captures import Capture, generated
from measuring.page import mebibytes, put, seconds, table
from measuring.programs import PROGRAMS, installed
from measuring.run import Failed, Figures, Usage, figures_of, run

KINDS: Final = ["mix", "snap96", "short", "synflood"]
YARDSTICK: Final = "tcpdump"
ALWAYS: Final = [YARDSTICK, "pcapcheck"]
HEAD: Final = ["program", "CPU s, median", "least", "wall s", "peak MiB", "ns a packet", f"CPU x {YARDSTICK}"]


def measured(capture: Capture, names: Sequence[str], rounds: int) -> dict[str, Figures]:
    """The figures of each program; one that fails is left out of the later rounds and of the result."""
    runs: dict[str, list[Usage]] = {name: [] for name in names}
    for number in range(rounds):
        for name in list(runs):
            print(f"{capture.kind}: round {number + 1} of {rounds}: {name}", file=sys.stderr)
            try:
                runs[name].append(run(PROGRAMS[name].command(str(capture.path))))
            except Failed as failure:
                print(f"{name}: {failure}", file=sys.stderr)
                del runs[name]
    return {name: figures_of(some) for name, some in runs.items()}


def as_table(capture: Capture, names: Sequence[str], figures: dict[str, Figures]) -> str:
    rows = []
    for name in names:
        one = figures.get(name)
        if one is None:
            rows.append([name, *["failed"] * (len(HEAD) - 1)])
            continue
        ratio = f"{one.cpu / figures[YARDSTICK].cpu:.2f}" if YARDSTICK in figures else ""
        each = f"{one.cpu / capture.packets * 1e9:,.0f}"
        rows.append(
            [name, seconds(one.cpu), seconds(one.cpu_least), seconds(one.wall), mebibytes(one.peak), each, ratio]
        )
    return f"{title(capture)}\n\n{table(HEAD, rows)}"


def title(capture: Capture) -> str:
    size = f"{capture.octets / 1e9:.2f} GB" if capture.octets >= 1e8 else f"{capture.octets / 1e6:.1f} MB"
    return f"**{capture.kind}**: {capture.packets:,} packets, {capture.attempts:,} connection attempts, {size}"


def compare(kinds: Sequence[str], names: Sequence[str], rounds: int, scale: float, slow_scale: float) -> str:
    """A table for each kind, and one for the slow programs on a smaller capture of it."""
    quick = [name for name in names if not PROGRAMS[name].slow]
    slow = [name for name in names if PROGRAMS[name].slow]
    tables = []
    for kind in kinds:
        for some, factor in ((quick, 1.0), ([*(name for name in ALWAYS if name in names), *slow], slow_scale)):
            if not some or (some is not quick and not slow):
                continue
            # Each is deleted before the next is made: they are large.
            with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
                capture = generated(kind, Path(folder), ["--scale", f"{scale * factor:g}"])
                tables.append(as_table(capture, some, measured(capture, some, rounds)))
    return "\n\n".join(tables)


def main() -> None:
    there = installed()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", default=KINDS, metavar="KIND", help="of generate.py")
    parser.add_argument(
        "--peers", nargs="+", choices=PROGRAMS, default=there, metavar="PROGRAM",
        help="\n".join(f"{name}{' (slow)' * one.slow}: {one.does}" for name, one in PROGRAMS.items()),
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the full size")
    parser.add_argument("--slow-scale", type=float, default=0.1, help="of that, for slow programs")
    parser.add_argument("--into", type=Path, help="put the tables into this page")
    arguments = parser.parse_args()
    missing = [name for name in arguments.peers if name not in there]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
    names = [name for name in PROGRAMS if name in there and (name in arguments.peers or name in ALWAYS)]
    text = compare(arguments.kinds, names, arguments.rounds, arguments.scale, arguments.slow_scale)
    print(text)
    if arguments.into:
        put(arguments.into, "compare", text)


if __name__ == "__main__":
    main()
