"""What captures of any size cost, in memory and a packet: ``python benchmarks/growth.py mix:1e6 mix:1e7 flood50m:6e7``.

The captures go from the generator to pcapcheck through a pipe and are never files. Only pcapcheck is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring.captures import generating
from measuring.page import mebibytes, put, seconds, table
from measuring.programs import PCAPCHECK
from measuring.run import Usage, run

HEAD = ["kind", "packets", "GB", "attempts", "CPU s", "ns a packet", "peak MiB", "octets an attempt"]


def streamed(kind: str, packets: str) -> tuple[dict[str, Any], Usage]:
    """What was generated, and what pcapcheck used to read it."""
    with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
        truth = Path(folder) / "truth.json"
        used = run([*PCAPCHECK, "-"], generating(kind, ["--packets", packets, "--truth", str(truth)], "-"))
        return json.loads(truth.read_text(encoding="utf-8")), used


def growth(asked: Sequence[str]) -> str:
    """A row for each ``KIND:PACKETS``."""
    rows = []
    empty = run([*PCAPCHECK, "-"], generating("short", ["--packets", "100"], "-")).peak
    for one in asked:
        kind, _, packets = one.partition(":")
        print(one, file=sys.stderr)
        truth, used = streamed(kind, packets)
        attempts = sum(truth["outcomes"].values())
        sizes = [f"{truth['packets']:,}", f"{truth['octets'] / 1e9:.2f}", f"{attempts:,}"]
        times = [seconds(used.cpu), f"{used.cpu / truth['packets'] * 1e9:,.0f}"]
        rows.append([kind, *sizes, *times, mebibytes(used.peak), f"{(used.peak - empty) / attempts:,.0f}"])
    return table(HEAD, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("captures", nargs="+", metavar="KIND:PACKETS")
    parser.add_argument("--into", type=Path, help="put the table into this page")
    arguments = parser.parse_args()
    text = growth(arguments.captures)
    print(text)
    if arguments.into:
        put(arguments.into, "growth", text)


if __name__ == "__main__":
    main()
