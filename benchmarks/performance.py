"""Measures everything and writes it into docs/performance.md: ``python benchmarks/performance.py --scale 0.1``."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adversaries import HOSTILE, ORDINARY, adversaries
from compare import KINDS, compare
from growth import growth
from measuring.captures import generated
from measuring.machine import machine
from measuring.page import put
from measuring.programs import BENCHMARKS, PROGRAMS, installed
from second_core import second_core
from startup import start_up

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
# A growing capture, one of 10 GB, and a flood of 50 million SYNs.
SIZES: Final = ["snap96:1e6", "snap96:1e7", "snap96:1e8", "mix:1.3e7", "flood50m:6e7"]


def all_stages(scale: float) -> str:
    with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
        paths = [str(generated(kind, Path(folder), ["--scale", f"{scale:g}"]).path) for kind in KINDS]
        # A process of its own: NumPy in this one would raise the peaks of all that it measures.
        command = [sys.executable, str(BENCHMARKS / "stages.py"), *paths]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="the part of the full size, but for growth")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", nargs="+", default=SIZES, metavar="KIND:PACKETS")
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    scale, rounds, names = arguments.scale, arguments.rounds, installed()
    sections: dict[str, Callable[[], str]] = {
        "command": lambda: f"    {' '.join(['python', 'benchmarks/performance.py', *sys.argv[1:]])}",
        "machine": lambda: machine(names),
        "startup": lambda: start_up(3 * rounds),
        "compare": lambda: compare(KINDS, [name for name in PROGRAMS if name in names], rounds, scale, 0.1),
        "stages": lambda: all_stages(scale),
        "second-core": lambda: second_core([f"{kind}:{1e7 * scale:g}" for kind in KINDS], rounds),
        "adversaries": lambda: adversaries([*ORDINARY, *HOSTILE], 1e7 * scale, rounds),
        "growth": lambda: growth(arguments.growth),
    }
    for name, measure in sections.items():
        text = measure()
        print(text, "\n")
        put(arguments.page, name, text)


if __name__ == "__main__":
    main()
