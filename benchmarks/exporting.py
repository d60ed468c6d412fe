"""Prints the CPU seconds that tables of many handshakes take: ``python benchmarks/exporting.py [HANDSHAKES]``.

The handshakes are those of judging.py. Each way out is measured by itself, all columns but those of tables.COSTLY, then
all of them; what the rules and diagnoses had already worked out (addresses as numbers) is there, as in a run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from judging import CAPTURES, traffic_of

from pcapcheck.diagnoses import diagnose
from pcapcheck.judged import judged
from pcapcheck.report.output import Output, write_file
from pcapcheck.report.report import Report
from pcapcheck.rules import RULES, findings_of
from pcapcheck.tables import COSTLY

ROUNDS = 3


def report_on(size: int) -> Report:
    """The report of a run over so many handshakes."""
    traffic, facts = traffic_of(size, CAPTURES)
    checked = findings_of(traffic, facts, RULES.values(), 0)
    return Report(judged(facts, traffic, diagnose(traffic, facts), checked))


def seconds_of(work: Callable[[], Any]) -> float:
    """The median CPU seconds of a few rounds, all threads together."""
    found = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("handshakes", nargs="?", type=int, default=1_500_000)
    parser.add_argument("--text", action="store_true", help="also CSV and JSON lines")
    arguments = parser.parse_args()
    report = report_on(arguments.handshakes)
    total = report.outcomes().total()
    print(f"{total:,} handshakes, {len(report.all_findings):,} findings; CPU seconds, median of {ROUNDS}")
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "x.parquet"))
        ways: dict[str, Callable[[], Any]] = {
            "frame(exclude=COSTLY)": lambda: report.frame("handshakes", exclude=COSTLY),
            "to_parquet(exclude=COSTLY)": lambda: report.to_parquet(file, exclude=COSTLY),
            "frame()": lambda: report.frame("handshakes"),
            "to_parquet()": lambda: report.to_parquet(file),
            "hosts": lambda: report.hosts,
        }
        if arguments.text:
            ways["csv"] = lambda: write_file(report, Output("csv", file))
            ways["jsonl"] = lambda: write_file(report, Output("jsonl", file))
        for name, work in ways.items():
            work_seconds = seconds_of(work)
            print(f"  {name:27} {work_seconds:7.2f}", flush=True)


if __name__ == "__main__":
    main()
