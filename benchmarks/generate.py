"""Writes a capture of made-up traffic: ``python benchmarks/generate.py mix --scale 0.1 mix.pcap``.

The same arguments give the same octets. What was generated is printed on standard error, and written as JSON by
``--truth``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import BinaryIO

from generator.files import FORMATS
from generator.frames import octets
from generator.kinds import KINDS
from generator.packets import DATAGRAM
from generator.stream import in_order
from generator.truth import Truth


def generate(kind: str, packets: float, seed: int, form: str, snaplen: int | None, output: BinaryIO) -> Truth:
    truth = Truth(kind)
    chosen, container = KINDS[kind], FORMATS[form]
    limit = snaplen or chosen.snaplen
    truth.octets = output.write(container.start(limit))
    for rows in in_order(chosen.blocks(packets, seed, truth)):
        truth.octets += output.write(octets(rows, container, limit))
        truth.first_time = truth.first_time or int(rows["time"][0])
        truth.last_time = int(rows["time"][-1])
        truth.packets += len(rows)
        truth.datagrams += int((rows["form"] == DATAGRAM).sum())
    truth.tcp_segments = truth.packets - truth.datagrams
    return truth


def main() -> None:
    kinds = "\n".join(f"  {name:18} {kind.says}; {kind.full:,} packets" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"kinds, and their full size:\n{kinds}",
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("kind", choices=KINDS, metavar="KIND")
    parser.add_argument("output", help="a file, or - for standard output")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--scale", type=float, default=1.0, help="the part of the full size")
    size.add_argument("--packets", type=float, help="so many packets, about")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--format", choices=FORMATS, default="pcap")
    parser.add_argument("--snaplen", type=int, help="store at most so many octets of each frame")
    parser.add_argument("--truth", type=Path, help="write here as JSON what was generated")
    arguments = parser.parse_args()
    packets = arguments.packets or KINDS[arguments.kind].full * arguments.scale
    to_pipe = arguments.output == "-"
    with open(sys.stdout.fileno() if to_pipe else arguments.output, "wb", closefd=not to_pipe) as output:
        truth = generate(arguments.kind, packets, arguments.seed, arguments.format, arguments.snaplen, output)
    if arguments.truth:
        arguments.truth.write_text(json.dumps(truth.as_json()), encoding="utf-8")
    outcomes = ", ".join(f"{number:,} {name}" for name, number in truth.outcomes.items())
    print(f"{truth.kind}: {truth.packets:,} packets, {truth.octets:,} octets; {outcomes}", file=sys.stderr)


if __name__ == "__main__":
    main()
