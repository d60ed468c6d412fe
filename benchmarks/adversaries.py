"""What hostile traffic costs a packet, beside ordinary traffic: ``python benchmarks/adversaries.py --packets 1e6``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from measuring.captures import generated
from measuring.page import mebibytes, put, seconds, table
from measuring.programs import PCAPCHECK
from measuring.run import figures_of, run

ORDINARY: Final = ["mix", "short"]
HOSTILE: Final = ["synflood", "adversary-reuse", "adversary-syn", "adversary-flow", "adversary-collide"]


def adversaries(kinds: Sequence[str], packets: float, rounds: int) -> str:
    with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
        captures = [generated(kind, Path(folder), ["--packets", f"{packets:g}"]) for kind in kinds]
        runs = []
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            runs.append({one.kind: run([*PCAPCHECK, str(one.path)]) for one in captures})
    figures = {kind: figures_of([one[kind] for one in runs]) for kind in kinds}
    each = {one.kind: figures[one.kind].cpu / one.packets for one in captures}
    rows = []
    for one in captures:
        ratios = [f"{each[one.kind] / each[kind]:.2f}" if kind in each else "" for kind in ORDINARY]
        used = figures[one.kind]
        sizes = [f"{one.packets:,}", f"{one.attempts:,}"]
        times = [seconds(used.cpu), f"{each[one.kind] * 1e9:,.0f}"]
        rows.append([one.kind, *sizes, *times, *ratios, mebibytes(used.peak)])
    heads = ["kind", "packets", "attempts", "CPU s, median", "ns a packet", *[f"x {kind}" for kind in ORDINARY]]
    return table([*heads, "peak MiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=[*ORDINARY, *HOSTILE], metavar="KIND")
    parser.add_argument("--packets", type=float, default=1e6, help="in each capture")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="put the table into this page")
    arguments = parser.parse_args()
    text = adversaries(arguments.kinds, arguments.packets, arguments.rounds)
    print(text)
    if arguments.into:
        put(arguments.into, "adversaries", text)


if __name__ == "__main__":
    main()
