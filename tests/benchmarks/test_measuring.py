"""What the benchmarks print, and where they put it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest
from compare import compare
from many import many
from measuring.page import put, table
from measuring.run import Failed, Usage, figures_of, run
from stages import stages

ROOT: Final = Path(__file__).resolve().parents[2]


def test_a_table() -> None:
    assert (
        table(["program", "CPU s"], [["tcpdump", "0.10"]]) == "| program | CPU s |\n| --- | ---: |\n| tcpdump | 0.10 |"
    )


def test_put_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- one -->\nold\n<!-- /one -->\nafter\n", encoding="utf-8")
    put(page, "one", r"new \1")
    put(page, "one", r"newer \1")
    assert page.read_text(encoding="utf-8") == "before\n<!-- one -->\n\nnewer \\1\n\n<!-- /one -->\nafter\n"
    with pytest.raises(ValueError, match="no place for two"):
        put(page, "two", "")


def test_a_run_is_measured_with_what_feeds_it_left_out() -> None:
    busy = "import sys, time\nwhile time.process_time() < 0.3: pass\nsys.stdout.write('x')"
    used = run([sys.executable, "-c", "import sys; sys.exit(sys.stdin.read() != 'x')"], [sys.executable, "-c", busy])
    assert 0 < used.cpu < 0.3
    assert used.peak > 2**20


@pytest.mark.parametrize("feed", [None, [sys.executable, "-c", "raise SystemExit(3)"]])
def test_a_program_that_fails(feed: list[str] | None) -> None:
    with pytest.raises(Failed, match="ended with 3"):
        run([sys.executable, "-c", f"raise SystemExit({0 if feed else 3})"], feed)


@pytest.mark.slow
def test_many_captures() -> None:
    lines = many(10, 400, 1, everything=False).splitlines()
    assert lines[0].startswith("10 captures, ")
    assert lines[0].endswith(" connection attempts; the same bytes printed.")
    assert [line.split(" | ")[:2] for line in lines[4:]] == [
        ["| one process", "1"], ["| cluster, 1 workers", "1"], ["| one process", "10"], ["| cluster, 1 workers", "10"],
    ]  # fmt: skip


def test_figures_of_an_odd_number_of_runs() -> None:
    figures = figures_of([Usage(1.0, 0.5, 2.0, 10), Usage(3.0, 0.5, 9.0, 30), Usage(2.0, 0.5, 3.0, 20)])
    assert (figures.cpu, figures.cpu_least, figures.wall, figures.peak) == (2.5, 1.5, 3.0, 30)


def test_compare_with_none_but_itself() -> None:
    lines = compare(["short"], ["pcapcheck"], rounds=1, scale=0.0001, slow_scale=1).splitlines()
    assert lines[0] == "**short**: 1,132 packets, 150 connection attempts, 0.1 MB"
    assert lines[-1].startswith("| pcapcheck | ")


def test_stages_of_a_check() -> None:
    lines = stages([str(ROOT / "sample_captures/handshakes.pcap")]).splitlines()
    assert lines[0] == "| CPU s | handshakes |"
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == [
        "reading: frames, segments, openings",
        "judging: attempts, outcomes, RTTs",
        "causes",
        "rules, capture faults",
        "the summary",
        "the rest",
        "all",
    ]
