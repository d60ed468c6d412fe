"""Where the time of ``pcapcheck check`` goes: ``python benchmarks/stages.py FILE...``. CPU seconds of each stage.

Without a profiler, which would make calls dearer than they are: the stages that ``run.check`` names are timed.
"""

from __future__ import annotations

import argparse
import io
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from measuring.page import put, seconds, table

from pcapcheck import run
from pcapcheck.report.text import write_text

STAGES: Final = {
    "summarise": "reading: frames, segments, openings",
    "traffic_of": "judging: attempts, outcomes, RTTs",
    "diagnose": "causes",
    "answers": "rules, capture faults",
}


def stages_of(path: str) -> dict[str, float]:
    """CPU seconds by stage; ``rest`` is what no stage accounts for."""
    used: Counter[str] = Counter()

    def timed(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            result = stage(*given, **named)
            used[name] += time.process_time() - start  # type: ignore[assignment]
            return result

        return call

    originals = {name: getattr(run, name) for name in STAGES}
    start = time.process_time()
    try:
        for name, stage in originals.items():
            setattr(run, name, timed(name, stage))
        report = run.check(path, keep="totals")
        timed("summary", write_text)(report, io.StringIO(), quiet=True)
    finally:
        for name, stage in originals.items():
            setattr(run, name, stage)
    total = time.process_time() - start
    return {**used, "rest": total - sum(used.values()), "all": total}


def stages(paths: Sequence[str]) -> str:
    """A row for each stage, a column for each capture."""
    stages_of(paths[0])  # loads what is loaded on first use
    columns = [stages_of(path) for path in paths]
    names = {**STAGES, "summary": "the summary", "rest": "the rest", "all": "all"}
    rows = [[says, *[seconds(one.get(name, 0.0)) for one in columns]] for name, says in names.items()]
    return table(["CPU s", *[Path(path).name.partition("-")[0].removesuffix(".pcap") for path in paths]], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", nargs="+", metavar="FILE")
    parser.add_argument("--into", type=Path, help="put the table into this page")
    arguments = parser.parse_args()
    text = stages(arguments.captures)
    print(text)
    if arguments.into:
        put(arguments.into, "stages", text)


if __name__ == "__main__":
    main()
