"""What a capture of a hundred packets costs: ``python benchmarks/startup.py``. Nearly all of it is starting up."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from measuring.captures import Capture, generated
from measuring.page import mebibytes, put, table
from measuring.programs import PCAPCHECK
from measuring.run import figures_of, run

PACKETS = 100


def commands_of(capture: Capture) -> dict[str, list[str]]:
    path = str(capture.path)
    return {
        "pcapcheck check": [*PCAPCHECK, path],
        "pcapcheck check --format jsonl": [*PCAPCHECK, "--format", "jsonl", path],
        "tshark -r": ["tshark", "-r", path],
        "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }


def start_up(rounds: int) -> str:
    with tempfile.TemporaryDirectory(prefix="pcapcheck-") as folder:
        capture = generated("mix", Path(folder), ["--packets", str(PACKETS)])
        commands = commands_of(capture)
        runs = [{name: run(command) for name, command in commands.items()} for _ in range(rounds + 1)]
        # The first round may have to compile modules and to read libraries from the disk.
        figures = {name: figures_of([one[name] for one in runs[1:]]) for name in commands}
    rows = [
        [f"`{name}`", f"{one.cpu:.3f}", f"{one.cpu_least:.3f}", f"{one.wall:.3f}", mebibytes(one.peak)]
        for name, one in figures.items()
    ]
    return f"A capture of {capture.packets} packets:\n\n" + table(
        ["command", "CPU s, median", "least", "wall s", "peak MiB"], rows
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--into", type=Path, help="put the table into this page")
    arguments = parser.parse_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    text = start_up(arguments.rounds)
    print(text)
    if arguments.into:
        put(arguments.into, "startup", text)


if __name__ == "__main__":
    main()
